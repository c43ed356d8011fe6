// Shape prints how the packages below a folder are built: files, the arrows between the
// files of one package and how many of them run back up, the largest method set, lines and
// the share of comments.
//
//	go run ./.ci/shape [FOLDER]
//
// An arrow leads from a file to another one of its package whose declaration it uses. They
// run back up where the files cannot be put into an order in which all lead down; the order is
// found by taking sources first and, within a circle, the file with the most arrows out.
package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := print(root); err != nil {
		fmt.Fprintln(os.Stderr, "shape:", err)
		os.Exit(1)
	}
}

func print(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	folders := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != "." {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			folders[filepath.Dir(name)] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("%-20s %5s %6s %5s  %-28s %6s %8s\n",
		"package", "files", "arrows", "back", "most methods", "lines", "comments")
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "source", nil)
	lines, arrows, back := 0, 0, 0
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		p, err := look(fset, imports, folder)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		fmt.Printf("%-20s %5d %6d %5d  %-28s %6d %7.1f%%\n",
			folder, p.files, p.arrows, p.back, p.most, p.lines, p.comments())
		lines, arrows, back = lines+p.lines, arrows+p.arrows, back+p.back
	}
	fmt.Printf("%-20s %5s %6d %5d  %-28s %6d\n", "all", "", arrows, back, "", lines)
	return nil
}

// shape is what is counted of a package.
type shape struct {
	files, arrows, back int
	most                string // the type with the most methods
	lines, comment      int
}

func (s shape) comments() float64 { return 100 * float64(s.comment) / float64(max(s.lines, 1)) }

func look(fset *token.FileSet, imports types.Importer, folder string) (shape, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return shape{}, err
	}
	var s shape
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return s, err
		}
		for line := range strings.Lines(string(text)) {
			s.lines++
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				s.comment++
			}
		}
		f, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			return s, err
		}
		if build := filepath.Base(name); strings.HasSuffix(build, "_other.go") { // of the other systems
			continue
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: imports, Error: func(error) {}}
	pkg, _ := config.Check(folder, fset, files, info) // what is of another system may be missing
	uses := map[string]map[string]bool{}
	for id, o := range info.Uses {
		if o.Pkg() != pkg || !o.Pos().IsValid() || isLocal(o, pkg) {
			continue
		}
		from, to := fset.Position(id.Pos()).Filename, fset.Position(o.Pos()).Filename
		if from != to {
			if uses[from] == nil {
				uses[from] = map[string]bool{}
			}
			uses[from][to] = true
		}
	}
	methods := map[string]int{}
	for _, o := range info.Defs {
		if f, ok := o.(*types.Func); ok {
			if r := f.Signature().Recv(); r != nil {
				t := strings.TrimPrefix(types.TypeString(r.Type(), func(*types.Package) string { return "" }), "*")
				methods[t]++
			}
		}
	}
	top := slices.SortedFunc(maps.Keys(methods), func(a, b string) int {
		return cmp.Or(methods[b]-methods[a], cmp.Compare(a, b))
	})
	if len(top) > 0 {
		s.most = fmt.Sprintf("%s %d", top[0], methods[top[0]])
	}
	s.files = len(files)
	for _, to := range uses {
		s.arrows += len(to)
	}
	s.back = backwards(uses)
	return s, nil
}

// isLocal reports whether an object is neither of the package's scope nor a field or method.
func isLocal(o types.Object, pkg *types.Package) bool {
	if v, ok := o.(*types.Var); ok && v.IsField() {
		return false
	}
	if _, ok := o.(*types.Func); ok {
		return false
	}
	return o.Parent() != pkg.Scope()
}

// backwards counts the arrows that lead up in the order of the files.
func backwards(uses map[string]map[string]bool) int {
	left := map[string]bool{}
	for from, to := range uses {
		left[from] = true
		for t := range to {
			left[t] = true
		}
	}
	n := 0
	for len(left) > 0 {
		in, out := map[string]int{}, map[string]int{}
		for from, to := range uses {
			for t := range to {
				if left[from] && left[t] {
					in[t]++
					out[from]++
				}
			}
		}
		next := slices.SortedFunc(maps.Keys(left), func(a, b string) int {
			return cmp.Or(cmp.Compare(min(in[a], 1), min(in[b], 1)), (out[b]-in[b])-(out[a]-in[a]), cmp.Compare(a, b))
		})[0]
		n += in[next]
		delete(left, next)
	}
	return n
}
