package guest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// indexFormat changes whenever describe finds out something else about a module.
const indexFormat = 1

// remembered returns what find finds out about modules, or has found out before about the same files. It is kept
// in the user's cache directory, under a name that is made of the files' names, sizes and times: a kernel that
// was built or unpacked anew has another. Where nothing can be kept, it is found out every time.
func remembered(paths []string, find func([]string) ([]module, error)) ([]module, error) {
	file, err := indexFor(paths)
	if err != nil {
		return find(paths)
	}
	if all, ok := recall(file, paths); ok {
		return all, nil
	}
	all, err := find(paths)
	if err == nil {
		_ = remember(file, all) // a full disk or a folder that is another user's only costs time
	}
	return all, err
}

// indexDir is where the descriptions of modules are kept.
func indexDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "labrun", "modules"), err
}

// indexFor returns the file that the description of modules is kept in.
func indexFor(paths []string) (string, error) {
	dir, err := indexDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, indexFormat)
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return "", err
		}
		abs, err := filepath.Abs(p)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%q %d %d\n", abs, st.Size(), st.ModTime().UnixNano())
	}
	return filepath.Join(dir, hex.EncodeToString(sum.Sum(nil))[:32]), nil
}

// recall reads what is kept. What is not whole, whatever it comes from, is as good as nothing.
func recall(file string, paths []string) ([]module, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, false
	}
	var all []module
	dec := json.NewDecoder(bytes.NewReader(text))
	for dec.More() {
		var m module
		if err := dec.Decode(&m); err != nil {
			return nil, false
		}
		all = append(all, m)
	}
	if len(all) != len(paths) {
		return nil, false
	}
	for i := range all {
		all[i].File = paths[i] // as this run names it
	}
	return all, true
}

// remember keeps what was found out. The file is renamed when it is whole: another labrun may read it meanwhile.
func remember(file string, all []module) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	for _, m := range all {
		if err := enc.Encode(m); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "unfinished-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(text.Bytes())
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// Forget removes what is remembered of all kernels' modules.
func Forget() error {
	dir, err := indexDir()
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
