# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_retop_global_optspecs
    string join \n json once plain serve= print-config i/interval= root= source= history= subsamples= samples= processes= json-processes serve-processes threads process-groups= series= names= args= f/filter= color= color-depth= theme= palette= accessible ambiguous= low-bandwidth= no-mouse keys= show-cores no-show-cores core-view= show-residency no-show-residency layout= show-processes no-show-processes chart-glyph= power-scale= avg= no-alerts alert-bw-sat-percent= alert-package-power-percent= alert-throttle-freq-percent= alert-swap-rise-gb= alert-sustain-samples= at= config= h/help V/version
end

function __fish_retop_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_retop_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_retop_using_subcommand
    set -l cmd (__fish_retop_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c retop -n "__fish_retop_needs_command" -l serve -d 'Serve Prometheus metrics; on 127.0.0.1 unless told otherwise' -r -f
complete -c retop -n "__fish_retop_needs_command" -s i -l interval -d 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_needs_command" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_needs_command" -l history -d 'Memory for the history of raw samples; 0 for none [64M]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l subsamples -d 'Readings within one interval [1]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l samples -d 'Stop after N samples; 0 goes on' -r -f
complete -c retop -n "__fish_retop_needs_command" -l processes -d 'Processes in the output, by CPU; with --filter all that match [20]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l process-groups -d 'Groups of processes as series: by program, or as FILE names them' -r -f
complete -c retop -n "__fish_retop_needs_command" -l series -d 'Further series: cores, cgroups, idle-states, interrupts, sources' -r -f
complete -c retop -n "__fish_retop_needs_command" -l names -d 'Names in exports: also those of dcgm-exporter, or another tool\'s: retop, dcgm, actop, macmon [retop]' -r -f -a "retop\t''
dcgm\t''
actop\t''
macmon\t''"
complete -c retop -n "__fish_retop_needs_command" -l args -d 'Process arguments: none, redacted, full [none; redacted in recordings]' -r -f
complete -c retop -n "__fish_retop_needs_command" -s f -l filter -d 'Only these processes: words, a regex, or cpu>10 && user=bob' -r -f
complete -c retop -n "__fish_retop_needs_command" -l color -d 'auto, always, never; 0 to 8: the terminal\'s own colours [auto]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l color-depth -d 'Colours that the terminal has: auto, mono, 8, 16, 256, truecolor [auto]' -r -f -a "auto\t''
mono\t''
8\t''
16\t''
256\t''
truecolor\t''"
complete -c retop -n "__fish_retop_needs_command" -l theme -d 'Colours of the screen: ink, paper, nord, cb-dark or a file of one\'s own, NAME.toml' -r -f
complete -c retop -n "__fish_retop_needs_command" -l palette -d 'Colours of charts and bars, in place of the theme\'s: theme, thermal, viridis, mono [theme]' -r -f -a "theme\t''
thermal\t''
viridis\t''
mono\t''"
complete -c retop -n "__fish_retop_needs_command" -l ambiguous -d 'Characters whose width is left open: narrow, wide [narrow]' -r -f -a "narrow\t''
wide\t''"
complete -c retop -n "__fish_retop_needs_command" -l low-bandwidth -d '256 colours at most, each second sample: auto if frames are slow to leave: auto, on, off [auto]' -r -f -a "auto\t''
on\t''
off\t''"
complete -c retop -n "__fish_retop_needs_command" -l keys -d 'Whose keys; [keys] in the file binds more: default, htop, actop, vim, btop [default]' -r -f -a "default\t''
htop\t''
actop\t''
vim\t''
btop\t''"
complete -c retop -n "__fish_retop_needs_command" -l core-view -d 'How cores are drawn: auto, gauge, history, both, heat [auto]' -r -f -a "auto\t''
gauge\t''
history\t''
both\t''
heat\t''"
complete -c retop -n "__fish_retop_needs_command" -l layout -d 'What stands above the processes: by size, lines of meters, or nothing: auto, stack, table [auto]' -r -f -a "auto\t''
stack\t''
table\t''"
complete -c retop -n "__fish_retop_needs_command" -l chart-glyph -d 'What charts are drawn with: dots, block, ascii [dots]' -r -f -a "dots\t''
block\t''
ascii\t''"
complete -c retop -n "__fish_retop_needs_command" -l power-scale -d 'What power bars are relative to: auto, profile [profile]' -r -f -a "auto\t''
profile\t''"
complete -c retop -n "__fish_retop_needs_command" -l avg -d 'Window of rolling averages [30s]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l alert-bw-sat-percent -d 'Memory bandwidth in use of what there is, in percent, where it is counted [85]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l alert-package-power-percent -d 'Package power of the limit it is held to, in percent; no alert unless set' -r -f
complete -c retop -n "__fish_retop_needs_command" -l alert-throttle-freq-percent -d 'Clock of busy cores of their highest, in percent, while it is hot [90]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l alert-swap-rise-gb -d 'Growth of swap within five minutes, in GiB; 0 for no alert [0.3]' -r -f
complete -c retop -n "__fish_retop_needs_command" -l alert-sustain-samples -d 'Samples that a load must last for; 3 or 5 by the rule unless set' -r -f
complete -c retop -n "__fish_retop_needs_command" -l at -d 'The moment to begin at: 14:01, -10m, 2026-11-03T14:01:00Z' -r -f
complete -c retop -n "__fish_retop_needs_command" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_needs_command" -l json -d 'Stream samples as JSON, one line each; answers as JSON'
complete -c retop -n "__fish_retop_needs_command" -l once -d 'Print one report and exit; with --json one line'
complete -c retop -n "__fish_retop_needs_command" -l plain -d 'Answer typed commands in lines of text: for screen readers and pipes'
complete -c retop -n "__fish_retop_needs_command" -l print-config -d 'Print config.toml with the present settings'
complete -c retop -n "__fish_retop_needs_command" -l json-processes -d 'Processes in the stream of --names actop too; retop\'s own has them anyway'
complete -c retop -n "__fish_retop_needs_command" -l serve-processes -d 'Processes in the scrape: by program, or one by one with --names actop'
complete -c retop -n "__fish_retop_needs_command" -l threads -d 'Threads of the processes in the output, and below those on the screen'
complete -c retop -n "__fish_retop_needs_command" -l accessible -d 'Keep the terminal\'s cursor on the selected row, for screen readers'
complete -c retop -n "__fish_retop_needs_command" -l no-mouse -d 'Leave the mouse to the terminal'
complete -c retop -n "__fish_retop_needs_command" -l show-cores -d 'Start with one row per core'
complete -c retop -n "__fish_retop_needs_command" -l no-show-cores -d 'Start without rows for cores'
complete -c retop -n "__fish_retop_needs_command" -l show-residency -d 'Show how long each clock was held'
complete -c retop -n "__fish_retop_needs_command" -l no-show-residency -d 'Leave that out'
complete -c retop -n "__fish_retop_needs_command" -l show-processes -d 'Start with the table of processes'
complete -c retop -n "__fish_retop_needs_command" -l no-show-processes -d 'Start without it: boxes take its room'
complete -c retop -n "__fish_retop_needs_command" -l no-alerts -d 'Watch for nothing'
complete -c retop -n "__fish_retop_needs_command" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_needs_command" -s V -l version -d 'Print version'
complete -c retop -n "__fish_retop_needs_command" -f -a "doctor" -d 'Say what can be read here, what not, and what would help'
complete -c retop -n "__fish_retop_needs_command" -f -a "run" -d 'Run a command and report what it took: time, memory, I/O, energy'
complete -c retop -n "__fish_retop_needs_command" -f -a "wait" -d 'Wait for a GPU to be free, then become a command that uses it'
complete -c retop -n "__fish_retop_needs_command" -f -a "record" -d 'Record without a screen, into DIR or the XDG state folder'
complete -c retop -n "__fish_retop_needs_command" -f -a "replay" -d 'Show a recording: the whole screen as it was'
complete -c retop -n "__fish_retop_needs_command" -f -a "export" -d 'Write recordings as tables, series, lines or a part of them'
complete -c retop -n "__fish_retop_needs_command" -f -a "query" -d 'Say who used what in a window of recordings'
complete -c retop -n "__fish_retop_needs_command" -f -a "metrics" -d 'Print every metric with its unit and meaning'
complete -c retop -n "__fish_retop_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c retop -n "__fish_retop_needs_command" -f -a "man" -d 'Print the man page'
complete -c retop -n "__fish_retop_using_subcommand doctor" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand doctor" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand doctor" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand run" -l output -d 'Write the report to FILE and not to stderr' -r -F
complete -c retop -n "__fish_retop_using_subcommand run" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand run" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand run" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand run" -l json -d 'Report as one line of JSON'
complete -c retop -n "__fish_retop_using_subcommand run" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand wait" -s i -l interval -d 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]' -r -f
complete -c retop -n "__fish_retop_using_subcommand wait" -l gpu -d 'What one GPU must be: free>20G util<5% for=60s; gpu=0 means that one' -r -f
complete -c retop -n "__fish_retop_using_subcommand wait" -l timeout -d 'Give up after so long, with exit status 124: 10m, 12h' -r -f
complete -c retop -n "__fish_retop_using_subcommand wait" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand wait" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand wait" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand wait" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand record" -s i -l interval -d 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]' -r -f
complete -c retop -n "__fish_retop_using_subcommand record" -l args -d 'Process arguments: none, redacted, full [none; redacted in recordings]' -r -f
complete -c retop -n "__fish_retop_using_subcommand record" -l max-size -d 'Bytes that all files of a recording may take; the oldest go first [1G]' -r -f
complete -c retop -n "__fish_retop_using_subcommand record" -l max-age -d 'How long samples are kept: 12h, 7d [7d]' -r -f
complete -c retop -n "__fish_retop_using_subcommand record" -l min-free -d 'Share of the file system that is left free [5%]' -r -f
complete -c retop -n "__fish_retop_using_subcommand record" -l sync -d 'When the disk is waited for: key, frame, never [key]' -r -f -a "key\t''
frame\t''
never\t''"
complete -c retop -n "__fish_retop_using_subcommand record" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand record" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand record" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand record" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand replay" -s f -l filter -d 'Only these processes: words, a regex, or cpu>10 && user=bob' -r -f
complete -c retop -n "__fish_retop_using_subcommand replay" -l color -d 'auto, always, never; 0 to 8: the terminal\'s own colours [auto]' -r -f
complete -c retop -n "__fish_retop_using_subcommand replay" -l color-depth -d 'Colours that the terminal has: auto, mono, 8, 16, 256, truecolor [auto]' -r -f -a "auto\t''
mono\t''
8\t''
16\t''
256\t''
truecolor\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l theme -d 'Colours of the screen: ink, paper, nord, cb-dark or a file of one\'s own, NAME.toml' -r -f
complete -c retop -n "__fish_retop_using_subcommand replay" -l palette -d 'Colours of charts and bars, in place of the theme\'s: theme, thermal, viridis, mono [theme]' -r -f -a "theme\t''
thermal\t''
viridis\t''
mono\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l ambiguous -d 'Characters whose width is left open: narrow, wide [narrow]' -r -f -a "narrow\t''
wide\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l low-bandwidth -d '256 colours at most, each second sample: auto if frames are slow to leave: auto, on, off [auto]' -r -f -a "auto\t''
on\t''
off\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l keys -d 'Whose keys; [keys] in the file binds more: default, htop, actop, vim, btop [default]' -r -f -a "default\t''
htop\t''
actop\t''
vim\t''
btop\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l core-view -d 'How cores are drawn: auto, gauge, history, both, heat [auto]' -r -f -a "auto\t''
gauge\t''
history\t''
both\t''
heat\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l layout -d 'What stands above the processes: by size, lines of meters, or nothing: auto, stack, table [auto]' -r -f -a "auto\t''
stack\t''
table\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l chart-glyph -d 'What charts are drawn with: dots, block, ascii [dots]' -r -f -a "dots\t''
block\t''
ascii\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l power-scale -d 'What power bars are relative to: auto, profile [profile]' -r -f -a "auto\t''
profile\t''"
complete -c retop -n "__fish_retop_using_subcommand replay" -l avg -d 'Window of rolling averages [30s]' -r -f
complete -c retop -n "__fish_retop_using_subcommand replay" -l at -d 'The moment to begin at: 14:01, -10m, 2026-11-03T14:01:00Z' -r -f
complete -c retop -n "__fish_retop_using_subcommand replay" -l speed -d 'How much faster than life a replay plays [1]' -r -f
complete -c retop -n "__fish_retop_using_subcommand replay" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand replay" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand replay" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand replay" -l json -d 'Stream samples as JSON, one line each; answers as JSON'
complete -c retop -n "__fish_retop_using_subcommand replay" -l accessible -d 'Keep the terminal\'s cursor on the selected row, for screen readers'
complete -c retop -n "__fish_retop_using_subcommand replay" -l no-mouse -d 'Leave the mouse to the terminal'
complete -c retop -n "__fish_retop_using_subcommand replay" -l show-cores -d 'Start with one row per core'
complete -c retop -n "__fish_retop_using_subcommand replay" -l no-show-cores -d 'Start without rows for cores'
complete -c retop -n "__fish_retop_using_subcommand replay" -l show-residency -d 'Show how long each clock was held'
complete -c retop -n "__fish_retop_using_subcommand replay" -l no-show-residency -d 'Leave that out'
complete -c retop -n "__fish_retop_using_subcommand replay" -l show-processes -d 'Start with the table of processes'
complete -c retop -n "__fish_retop_using_subcommand replay" -l no-show-processes -d 'Start without it: boxes take its room'
complete -c retop -n "__fish_retop_using_subcommand replay" -l score -d 'Print how right the forecasts of GPU memory were; with --json one object'
complete -c retop -n "__fish_retop_using_subcommand replay" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand export" -l processes -d 'Processes in the output, by CPU; with --filter all that match [20]' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l process-groups -d 'Groups of processes as series: by program, or as FILE names them' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l series -d 'Further series: cores, cgroups, idle-states, interrupts, sources' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l args -d 'Process arguments: none, redacted, full [none; redacted in recordings]' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -s f -l filter -d 'Only these processes: words, a regex, or cpu>10 && user=bob' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l from -d 'Begin there: 14:01, -10m, \'yesterday 22:00\', 2026-11-03, RFC 3339 [the first sample]' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l until -d 'End there; +10m counts from the beginning [the last sample]' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l to -d 'What to write, if OUT\'s ending does not tell: parquet, csv, ndjson, openmetrics, retop' -r -f -a "parquet\t''
csv\t''
ndjson\t''
openmetrics\t''
retop\t''"
complete -c retop -n "__fish_retop_using_subcommand export" -l tables -d 'Only these tables: processes,disks,cpu; docs/metrics.md lists them' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l every -d 'One sample in each TIME: 10s, 1m' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand export" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand export" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand export" -l force -d 'Replace what an earlier export wrote'
complete -c retop -n "__fish_retop_using_subcommand export" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand query" -l from -d 'Begin there: 14:01, -10m, \'yesterday 22:00\', 2026-11-03, RFC 3339 [the first sample]' -r -f
complete -c retop -n "__fish_retop_using_subcommand query" -l until -d 'End there; +10m counts from the beginning [the last sample]' -r -f
complete -c retop -n "__fish_retop_using_subcommand query" -l top -d 'What to order by: cpu, mem, io, energy, gpu [cpu]' -r -f -a "cpu\t''
mem\t''
io\t''
energy\t''
gpu\t''"
complete -c retop -n "__fish_retop_using_subcommand query" -l by -d 'What to add up by: name, user, container, cgroup, pid [name]' -r -f -a "name\t''
user\t''
container\t''
cgroup\t''
pid\t''"
complete -c retop -n "__fish_retop_using_subcommand query" -s n -l lines -d 'Lines at most [20; with --json all]' -r -f
complete -c retop -n "__fish_retop_using_subcommand query" -l pid -d 'One process, part by part of the window' -r -f
complete -c retop -n "__fish_retop_using_subcommand query" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand query" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand query" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand query" -l json -d 'Stream samples as JSON, one line each; answers as JSON'
complete -c retop -n "__fish_retop_using_subcommand query" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand metrics" -l format -d 'Format of the table: md, json [md]' -r -f -a "md\t''
json\t''"
complete -c retop -n "__fish_retop_using_subcommand metrics" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand metrics" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand metrics" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand metrics" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand completions" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand completions" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand completions" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand completions" -s h -l help -d 'Print help'
complete -c retop -n "__fish_retop_using_subcommand man" -l root -d 'Read the machine under DIR: a tree with proc/ and sys/ [/]' -r -f -a "(__fish_complete_directories)"
complete -c retop -n "__fish_retop_using_subcommand man" -l source -d 'Watch a made-up machine, or a recording: replay:FILE' -r -f
complete -c retop -n "__fish_retop_using_subcommand man" -l config -d 'Read FILE and not config.toml in the XDG config folder' -r -F
complete -c retop -n "__fish_retop_using_subcommand man" -s h -l help -d 'Print help'
