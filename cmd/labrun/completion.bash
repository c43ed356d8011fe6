# bash completion for labrun. It asks "labrun __complete" what may stand where the
# cursor is. It needs nothing but bash, and does itself what the script of the library
# for command lines leaves to the package bash-completion: quotes, and words in
# which an '=' ends what readline replaces (COMP_WORDBREAKS).

# Reads a word as the shell does, but for what that would run or look up: into word,
# the quote that is open at its end into quote, and what stands before the place from
# which readline replaces it into before.
__labrun_unquote() {
    local raw=$1 i c
    word='' quote='' before=''
    for ((i = 0; i < ${#raw}; i++)); do
        c=${raw:i:1}
        case $quote$c in
        \'\' | \"\") quote='' ;;
        \'?) word+=$c ;;
        \\ | '"\') word+=${raw: ++i:1} ;;
        \' | \") quote=$c before=$word ;;
        *)
            word+=$c
            [[ -z $quote && $COMP_WORDBREAKS == *"$c"* ]] && before=$word
            ;;
        esac
    done
    return 0
}

# Puts the words of the line together again, as far as the cursor, into words, each as
# it stands there.
__labrun_words() {
    local line=${COMP_LINE:0:COMP_POINT} c quote='' i open=''
    words=()
    for ((i = 0; i < ${#line}; i++)); do
        c=${line:i:1}
        if [[ -z $quote && $c == [[:space:]] ]]; then
            open=''
            continue
        fi
        [[ -z $open ]] && words+=('') open=1
        words[${#words[@]} - 1]+=$c
        case $quote$c in
        \'\' | \"\") quote='' ;;
        \' | \") quote=$c ;;
        \\ | '"\') words[${#words[@]} - 1]+=${line: ++i:1} ;;
        esac
    done
    [[ -z $open ]] && words+=('')
    return 0
}

# Writes what is to be inserted for the rest of a word, after the quote that is open.
__labrun_quote() {
    local rest=$1 i c
    case $quote in
    \') insert=${rest//\'/\'\\\'\'} ;;
    \")
        insert=''
        for ((i = 0; i < ${#rest}; i++)); do
            c=${rest:i:1}
            [[ $c == [\"\$\\\`] ]] && insert+=\\
            insert+=$c
        done
        ;;
    *)
        insert=''
        for ((i = 0; i < ${#rest}; i++)); do
            c=${rest:i:1}
            [[ $c == [A-Za-z0-9_.,:/@%+=-] || $c > $'\x7f' ]] || insert+=\\
            insert+=$c
        done
        ;;
    esac
}

# Offers files: of the names with one of those suffixes, or all without any, and folders.
__labrun_files() {
    local file suffix begun=$word flag=''
    [[ $begun == -*=* ]] && flag=${begun%%=*}= begun=${begun#*=}
    [[ $(type -t compopt) == builtin ]] && compopt -o filenames
    while IFS= read -r file; do
        for suffix in "$@"; do
            [[ $file == *."$suffix" ]] && break
            suffix=''
        done
        [[ $# == 0 || -n $suffix || -d ${file/#\~\//$HOME/} ]] || continue
        file=$flag$file
        COMPREPLY+=("${file#"$before"}")
    done < <(compgen -f -- "$begun")
}

_labrun() {
    local words word quote before insert out line name doc directive candidates=() help=() i
    COMPREPLY=()
    __labrun_words
    local args=()
    for ((i = 0; i < ${#words[@]}; i++)); do
        __labrun_unquote "${words[i]}"
        [[ ${words[i]} == \~/* ]] && word=$HOME/${word#\~/}
        args+=("$word")
    done
    out=$("${args[@]:0:1}" __complete "${args[@]:1}" 2>/dev/null) || return
    directive=${out##*:}
    while IFS= read -r line; do
        case $line in
        '_activeHelp_ '*) help+=("${line#_activeHelp_ }") ;;
        :* | '') ;;
        *) candidates+=("$line") ;;
        esac
    done <<<"$out"
    ((directive & 1)) && return
    if [[ $(type -t compopt) == builtin ]]; then
        ((directive & 2)) && compopt -o nospace
        ((directive & 32)) && compopt -o nosort
    fi
    if ((directive & 8)); then
        __labrun_files "${candidates[@]}"
        return
    fi
    for line in "${candidates[@]}"; do
        name=${line%%$'\t'*}
        # A flag's value is offered without the flag.
        [[ $word == -*=* && $name != -* ]] && name=${word%%=*}=$name
        [[ $name == "$word"* ]] || continue
        __labrun_quote "${name#"$before"}"
        COMPREPLY+=("$insert"$'\t'"${line#"${line%%$'\t'*}"}")
    done
    if ((${#COMPREPLY[@]} == 0 && !(directive & 4))); then
        __labrun_files
        return
    fi
    # One is inserted, more are shown with what they are.
    for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
        insert=${COMPREPLY[i]%%$'\t'*} doc=${COMPREPLY[i]##*$'\t'}
        COMPREPLY[i]=$insert
        if ((${#COMPREPLY[@]} > 1 && COMP_TYPE == 63)) && [[ -n $doc ]]; then
            doc="  ($doc)"
            COMPREPLY[i]+=${doc:0:${COLUMNS:-80} - ${#insert} - 1}
        fi
    done
    if ((${#help[@]} > 0 && COMP_TYPE == 63)); then
        printf '\n%s' "${help[@]}"
        printf '\n%s' "${PS1@P}$COMP_LINE"
    fi
}

complete -F _labrun labrun
