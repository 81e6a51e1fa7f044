# bash completion for pitfall(1). It needs nothing but bash; with bash-completion the program that `pitfall run`
# starts is completed as if it stood alone.
# shellcheck shell=bash

# Sets words as if none had been broken at ":" and "=", up to the one at the cursor, and starts: at which of
# bash's pieces each begins.
_pitfall_join_words() {
    local rest=${COMP_LINE#*"${COMP_WORDS[0]}"} word i
    words=("${COMP_WORDS[0]}") starts=(0)
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $rest == [[:space:]]* ]]; then
            words+=("$word")
            starts+=("$i")
        else
            words[${#words[@]} - 1]+=$word
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
    done
}

# Replies with those of the words that begin with what stands behind the prefix $cur shall keep.
_pitfall_reply() {
    local kept=$1 word
    shift
    for word; do
        [[ $kept$word == "$cur"* ]] && COMPREPLY+=("$kept$word")
    done
}

_pitfall_reply_files() {
    local kept=$1 file
    compopt -o filenames 2>/dev/null
    while IFS= read -r file; do
        COMPREPLY+=("$kept$file")
    done < <(compgen "$2" -- "${cur#"$kept"}")
}

# What the scenarios have under "tags" or "variants".
_pitfall_reply_values() {
    local values
    mapfile -t values < <("$self" list --json 2>/dev/null |
        sed -n "/\"$1\": \[/,/\]/s/^ *\"\([^\"]*\)\",\{0,1\}\$/\1/p" | sort -u)
    _pitfall_reply '' "${values[@]}"
}

_pitfall_reply_fault() {
    if [[ $cur == *:* ]]; then
        compopt -o nospace 2>/dev/null
        _pitfall_reply "${cur%:*}:" error= retval= short= syscall= signal= kill stop= hold= limit= \
            delay_enter= delay_exit= poke_enter=@arg poke_exit=@arg when= proc= to=caller to=group to=terminal to=tree \
            to=sender fd=pipe fd=socket fd=file fd=tty prob= arg1== arg2== arg3== arg4== arg5== arg6==
        return
    fi
    compopt -o nospace 2>/dev/null
    _pitfall_reply '' point= start exit after= step= all %clock %creds %desc %file %fstat %fstatfs %ipc %lstat %memory \
        %net %network %process %pure %signal %stat %statfs %%stat %%statfs
}

_pitfall_reply_limit() {
    if [[ $cur == *=* ]]; then
        _pitfall_reply "${cur%%=*}=" unlimited
        return
    fi
    compopt -o nospace 2>/dev/null
    _pitfall_reply '' as= core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= \
        rtprio= rttime= sigpending= stack=
}

_pitfall_reply_share() {
    local kept=''
    [[ $cur == *,* ]] && kept=${cur%,*},
    _pitfall_reply "$kept" pid ipc shm
}

_pitfall_reply_kinds() {
    local kept=''
    [[ $cur == *,* ]] && kept=${cur%,*},
    _pitfall_reply "$kept" errno short eintr signal kill stop limit
}

_pitfall_reply_report() {
    if [[ $cur == *:* ]]; then
        _pitfall_reply_files "${cur%%:*}:" -f
    else
        _pitfall_reply '' text json junit tap html markdown sarif github gitlab dot perfetto
    fi
}

_pitfall_takes_value() {
    case $1 in
        -[tpjrdilgb] | --faults | --proc | --syscalls | --resume | --record | --plan | --step | --when | --do | --budget | --tag | --pace | --jobs | --repeat | --shard | --variant | --deadline | --report | --inject | --limit | \
            --grace | --seed | --share | --expect-exit | --expect-output | --expect-text | --max-processes | --trace) return 0 ;;
    esac
    return 1
}

# The value of the option $1; those that are free text or numbers have none to offer.
_pitfall_reply_value() {
    case $1 in
        -t | --tag) _pitfall_reply_values tags ;;
        --variant) _pitfall_reply_values variants ;;
        -p | --pace) _pitfall_reply '' slow fast step ;;
        -i | --inject) _pitfall_reply_fault ;;
        -l | --limit) _pitfall_reply_limit ;;
        --share) _pitfall_reply_share ;;
        --shard) _pitfall_reply '' auto auto/ 1/ ;;
        --faults) _pitfall_reply_kinds ;;
        --report) _pitfall_reply_report ;;
        --expect-exit) _pitfall_reply '' any 0 1 ;;
        --trace | --expect-output | --resume | --record | --plan) _pitfall_reply_files '' -f ;;
    esac
}

_pitfall_reply_options() {
    local options=(--help -h)
    case $1 in
        list) options+=(--json --tag -t) ;;
        demo) options+=(--pace -p --variant --script) ;;
        check) options+=(--jobs -j --repeat -r --variant --deadline -d --isolate --shard --report --json) ;;
        run) options+=(--inject -i --limit -l --deadline -d --grace -g --allow-daemon --seed --max-processes --share --isolate --expect-exit --expect-output
            --expect-same --expect-text --until-fail --verbose -v --trace --report --json) ;;
        sweep) options+=(--faults --proc --syscalls --step --when --do --all --resume --record --plan --shard --jobs -j --budget -b --inject -i --limit -l --deadline -d
            --grace -g --allow-daemon --seed --max-processes --share --expect-exit --expect-text --report --json) ;;
        diagnose) options+=(--watch -w --trace --no-stacks --report --json) ;;
        judge) options+=(--report --json) ;;
        report) options+=(--partial --report --json) ;;
    esac
    _pitfall_reply '' "${options[@]}"
}

_pitfall_reply_operand() {
    local ids
    case $1 in
        list | show | demo | check)
            mapfile -t ids < <("$self" list 2>/dev/null | sed -n 's/^\([^ ]\{1,\}\).*/\1/p')
            _pitfall_reply '' "${ids[@]}"
            _pitfall_reply_files '' -d
            ;;
        run | sweep) _pitfall_reply_files '' -c ;;
        diagnose)
            mapfile -t ids < <(ps -u "$(id -u)" -o pid= 2>/dev/null | tr -d ' ')
            _pitfall_reply '' "${ids[@]}"
            ;;
        judge | report) _pitfall_reply_files '' -f ;;
    esac
}

# The program that is run, its name being the word number $1.
_pitfall_reply_program() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "${starts[$1]}"
    else
        _pitfall_reply_files '' -f
    fi
}

# readline replaces only what follows the last of its word breaks in $1.
_pitfall_cut_replies() {
    local breaks=${COMP_WORDBREAKS//[^:=]/} kept='' i
    [[ $breaks && $1 == *["$breaks"]* ]] && kept=${1%"${1##*["$breaks"]}"}
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"$kept"}
    done
}

# --option=VALUE in one word.
_pitfall_reply_option_value() {
    local option=${cur%%=*} word=$cur i
    cur=${cur#*=}
    _pitfall_reply_value "$option"
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=$option=${COMPREPLY[i]}
    done
    _pitfall_cut_replies "$word"
}

_pitfall_complete_command() {
    local command=$1 last=$((${#words[@]} - 1)) i
    for ((i = 2; i < last; i++)); do
        case ${words[i]} in
            --)
                ((i++))
                break
                ;;
            -?*)
                _pitfall_takes_value "${words[i]}" || continue
                if ((++i == last)); then
                    _pitfall_reply_value "${words[i - 1]}"
                    _pitfall_cut_replies "$cur"
                    return
                fi
                ;;
            *) [[ $command == run || $command == sweep ]] && break ;;
        esac
    done
    if [[ $command == run || $command == sweep ]] && ((i < last)); then
        _pitfall_reply_program "$i"
    elif [[ $cur == --*=* ]]; then
        _pitfall_reply_option_value
    elif [[ $cur == -* && ${words[i - 1]} != -- ]]; then
        _pitfall_reply_options "$command"
    else
        _pitfall_reply_operand "$command"
    fi
}

_pitfall() {
    local self=$1 words starts cur
    _pitfall_join_words
    cur=${words[${#words[@]} - 1]}
    COMPREPLY=()
    if ((${#words[@]} == 2)); then
        _pitfall_reply '' list show demo check run sweep diagnose judge report help --help -h --version
    elif [[ ${words[1]} == help ]]; then
        ((${#words[@]} == 3)) && _pitfall_reply '' list show demo check run sweep diagnose judge report
    else
        _pitfall_complete_command "${words[1]}"
    fi
}

complete -F _pitfall pitfall
