# fish completion for pitfall(1)

# Is the command one of these, and the cursor not yet in the program that `pitfall run` or `sweep` starts?
function __pitfall_command
    set -l words (commandline -opc)
    contains -- "$words[2]" $argv; and test -z "$(__pitfall_program)"
end

# The words from the program that `pitfall run` or `sweep` starts up to the cursor, one a line.
function __pitfall_program
    set -l words (commandline -opc)
    contains -- "$words[2]" run sweep; or return
    set -e words[1..2]
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                break
            case -i -l -d -g -j -b --faults --proc --syscalls --resume --record --plan --step --when --do --shard --jobs --budget --inject --limit --deadline --grace --seed --share --expect-exit --expect-output \
                --expect-text --max-processes --trace --report
                set -e words[1]
                set -e words[1]
            case '-*'
                set -e words[1]
            case '*'
                break
        end
    end
    string join -- \n $words
end

function __pitfall_scenarios
    set -l words (commandline -opc)
    $words[1] list 2>/dev/null | string replace -rf '^(\S+) +(.*)' '$1\t$2'
end

# What the scenarios have under "tags" or "variants".
function __pitfall_values
    set -l words (commandline -opc)
    $words[1] list --json 2>/dev/null |
        sed -n "/\"$argv[1]\": \[/,/\]/s/^ *\"\([^\"]*\)\",\{0,1\}\$/\1/p" | sort -u
end

function __pitfall_faults
    set -l parts (string match -r '^(.*:)[^:]*$' -- (commandline -ct))
    if set -q parts[2]
        string join -- \n $parts[2]{error=,retval=,short=,syscall=,signal=,kill,stop=,hold=,limit=} \
            $parts[2]{delay_enter=,delay_exit=,poke_enter=@arg,poke_exit=@arg,when=,proc=,prob=} \
            $parts[2]to={caller,group,terminal,tree,sender} $parts[2]fd={pipe,socket,file,tty} \
            $parts[2]arg{1,2,3,4,5,6}==
    else
        string join -- \n point= start exit after= step= all \
            %{clock,creds,desc,file,fstat,fstatfs,ipc,lstat,memory,net,network,process,pure,signal,stat} \
            %{statfs,%stat,%statfs}
    end
end

function __pitfall_reports
    set -l parts (string match -r '^([^:]*:)(.*)$' -- (commandline -ct | string replace -r '^--report=' ''))
    if set -q parts[2]
        string join -- \n $parts[2](__fish_complete_path $parts[3])
    else
        string join -- \n text json junit tap html markdown sarif github gitlab dot perfetto
    end
end

complete -c pitfall -f
complete -c pitfall -n __fish_is_first_token -s h -l help -d 'Show help and exit'
complete -c pitfall -n __fish_is_first_token -l version -d 'Show the version and exit'
complete -c pitfall -n __fish_is_first_token -a list -d 'The catalogue of pitfalls'
complete -c pitfall -n __fish_is_first_token -a show -d 'One pitfall, and its programs'
complete -c pitfall -n __fish_is_first_token -a demo -d 'One pitfall as it happens'
complete -c pitfall -n __fish_is_first_token -a check -d 'Run scenarios, compare with what is expected'
complete -c pitfall -n __fish_is_first_token -a run -d 'One program: verdict and diagnosis'
complete -c pitfall -n __fish_is_first_token -a diagnose -d 'A program that runs already: who waits on whom'
complete -c pitfall -n __fish_is_first_token -a judge -d 'Judge a recorded trace again'
complete -c pitfall -n __fish_is_first_token -a sweep -d 'Every fault at every point: which break it?'
complete -c pitfall -n __fish_is_first_token -a report -d 'Put results together'
complete -c pitfall -n __fish_is_first_token -a help -d 'Teach a command'
complete -c pitfall -n '__pitfall_command help' -a 'list show demo check run sweep diagnose judge report'

complete -c pitfall -n '__pitfall_command list show demo check' -a '(__pitfall_scenarios)'
complete -c pitfall -n '__pitfall_command list show demo check' -a '(__fish_complete_directories)'
complete -c pitfall -n '__pitfall_command judge report' -F
complete -c pitfall -n '__pitfall_command diagnose' -a '(__fish_complete_pids)'
complete -c pitfall -n '__pitfall_command run sweep' -a '(__fish_complete_command)'
complete -c pitfall -n 'test -n "$(__pitfall_program)"' \
    -a '(complete -C "$(string escape -- (__pitfall_program) | string join " ") $(commandline -ct)")'

complete -c pitfall -n '__pitfall_command list' -s t -l tag -x -a '(__pitfall_values tags)' -d 'Only scenarios with this tag'
complete -c pitfall -n '__pitfall_command list' -l json -d 'Print JSON'
complete -c pitfall -n '__pitfall_command check sweep' -s j -l jobs -x -d 'Run so many trials at once'
complete -c pitfall -n '__pitfall_command check' -s r -l repeat -x -d 'Run each program so many times'
complete -c pitfall -n '__pitfall_command demo' -s p -l pace -x -a 'slow fast step' -d 'How it goes on'
complete -c pitfall -n '__pitfall_command demo' -l script -d 'Print a lesson plan'
complete -c pitfall -n '__pitfall_command check demo' -l variant -x -a '(__pitfall_values variants)' -d 'Only variants of this name'
complete -c pitfall -n '__pitfall_command check sweep' -l shard -x -a 'auto auto/ 1/' -d 'Only one of N equal parts of the trials'
complete -c pitfall -n '__pitfall_command sweep' -l faults -x -a '(__fish_append , errno short eintr signal kill stop limit)' -d 'Only these kinds of fault'
complete -c pitfall -n '__pitfall_command sweep' -l proc -x -d 'Only in processes of this address'
complete -c pitfall -n '__pitfall_command sweep' -l step -x -d 'At every instruction of a call of this function'
complete -c pitfall -n '__pitfall_command sweep' -l when -x -d 'With --step, the N-th call'
complete -c pitfall -n '__pitfall_command sweep' -l do -x -a 'kill stop= signal=' -d 'With --step, what to do'
complete -c pitfall -n '__pitfall_command sweep' -l syscalls -x -d 'Only at these system calls'
complete -c pitfall -n '__pitfall_command sweep' -l all -d 'Every occurrence of every call'
complete -c pitfall -n '__pitfall_command sweep' -l resume -r -F -d 'Go on with a sweep that was stopped'
complete -c pitfall -n '__pitfall_command sweep' -l record -r -F -d 'Only make the plan'
complete -c pitfall -n '__pitfall_command sweep' -l plan -r -F -d 'Carry out a plan, or a shard of it'
complete -c pitfall -n '__pitfall_command sweep' -s b -l budget -x -d 'Stop after this time'
complete -c pitfall -n '__pitfall_command run sweep' -s i -l inject -x -a '(__pitfall_faults)' -d 'Strike with a fault'
complete -c pitfall -n '__pitfall_command run sweep' -s l -l limit -x -d 'Run under a resource limit' \
    -a '{as,core,cpu,data,fsize,locks,memlock,msgqueue,nice,nofile,nproc,rss,rtprio,rttime,sigpending,stack}='
complete -c pitfall -n '__pitfall_command run sweep' -s g -l grace -x -d 'How long processes may outlive the program'
complete -c pitfall -n '__pitfall_command run sweep' -l allow-daemon -d 'Processes that outlive the program are meant to'
complete -c pitfall -n '__pitfall_command run sweep' -l seed -x -d 'For rules with prob='
complete -c pitfall -n '__pitfall_command run sweep' -l max-processes -x -d 'Call it an explosion when more are alive'
complete -c pitfall -n '__pitfall_command run sweep' -l share -x -a '(__fish_append , pid ipc shm)' -d 'Give up parts of the containment'
complete -c pitfall -n '__pitfall_command check run' -l isolate -d 'Let nothing that it writes be seen outside'
complete -c pitfall -n '__pitfall_command run sweep' -l expect-exit -x -a 'any 0 1' -d 'The exit status that is right'
complete -c pitfall -n '__pitfall_command run' -l expect-output -r -F -d 'Its standard output must be what is in this file'
complete -c pitfall -n '__pitfall_command run' -l expect-same -d 'Its output must be that of runs without the faults'
complete -c pitfall -n '__pitfall_command run sweep' -l expect-text -x -d 'Its standard output must contain this'
complete -c pitfall -n '__pitfall_command run' -l until-fail -x -d 'Run it again until it fails, so often at most'
complete -c pitfall -n '__pitfall_command diagnose' -s w -l watch -d 'Look again and again'
complete -c pitfall -n '__pitfall_command diagnose' -l no-stacks -d 'Do not read where threads stand'
complete -c pitfall -n '__pitfall_command run' -s v -l verbose -d 'Tell what a quiet run waits for'
complete -c pitfall -n '__pitfall_command run diagnose' -l trace -r -F -d 'Write down everything that happens'
complete -c pitfall -n '__pitfall_command check run sweep' -s d -l deadline -x -d 'The time that a healthy run takes at most'
complete -c pitfall -n '__pitfall_command report' -l partial -d 'Do not mind what is missing'
complete -c pitfall -n '__pitfall_command check run sweep diagnose judge report' -l report -x -a '(__pitfall_reports)' -d 'Write a report'
complete -c pitfall -n '__pitfall_command check run sweep diagnose judge report' -l json -d 'Short for --report json:-'
complete -c pitfall -n '__pitfall_command list show demo check run sweep diagnose judge report' -s h -l help -d 'Show help and exit'
