
use builtin;
use str;

set edit:completion:arg-completer[retop] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'retop'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'retop'= {
            cand --serve 'Serve Prometheus metrics; on 127.0.0.1 unless told otherwise'
            cand -i 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]'
            cand --interval 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]'
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --history 'Memory for the history of raw samples; 0 for none [64M]'
            cand --subsamples 'Readings within one interval [1]'
            cand --samples 'Stop after N samples; 0 goes on'
            cand --processes 'Processes in the output, by CPU; with --filter all that match [20]'
            cand --process-groups 'Groups of processes as series: by program, or as FILE names them'
            cand --series 'Further series: cores, cgroups, idle-states, interrupts, sources'
            cand --names 'Names in exports: also those of dcgm-exporter, or another tool''s: retop, dcgm, actop, macmon [retop]'
            cand --args 'Process arguments: none, redacted, full [none; redacted in recordings]'
            cand -f 'Only these processes: words, a regex, or cpu>10 && user=bob'
            cand --filter 'Only these processes: words, a regex, or cpu>10 && user=bob'
            cand --color 'auto, always, never; 0 to 8: the terminal''s own colours [auto]'
            cand --color-depth 'Colours that the terminal has: auto, mono, 8, 16, 256, truecolor [auto]'
            cand --theme 'Colours of the screen: ink, paper, nord, cb-dark or a file of one''s own, NAME.toml'
            cand --palette 'Colours of charts and bars, in place of the theme''s: theme, thermal, viridis, mono [theme]'
            cand --ambiguous 'Characters whose width is left open: narrow, wide [narrow]'
            cand --low-bandwidth '256 colours at most, each second sample: auto if frames are slow to leave: auto, on, off [auto]'
            cand --keys 'Whose keys; [keys] in the file binds more: default, htop, actop, vim, btop [default]'
            cand --core-view 'How cores are drawn: auto, gauge, history, both, heat [auto]'
            cand --layout 'What stands above the processes: by size, lines of meters, or nothing: auto, stack, table [auto]'
            cand --chart-glyph 'What charts are drawn with: dots, block, ascii [dots]'
            cand --power-scale 'What power bars are relative to: auto, profile [profile]'
            cand --avg 'Window of rolling averages [30s]'
            cand --alert-bw-sat-percent 'Memory bandwidth in use of what there is, in percent, where it is counted [85]'
            cand --alert-package-power-percent 'Package power of the limit it is held to, in percent; no alert unless set'
            cand --alert-throttle-freq-percent 'Clock of busy cores of their highest, in percent, while it is hot [90]'
            cand --alert-swap-rise-gb 'Growth of swap within five minutes, in GiB; 0 for no alert [0.3]'
            cand --alert-sustain-samples 'Samples that a load must last for; 3 or 5 by the rule unless set'
            cand --at 'The moment to begin at: 14:01, -10m, 2026-11-03T14:01:00Z'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand --json 'Stream samples as JSON, one line each; answers as JSON'
            cand --once 'Print one report and exit; with --json one line'
            cand --plain 'Answer typed commands in lines of text: for screen readers and pipes'
            cand --print-config 'Print config.toml with the present settings'
            cand --json-processes 'Processes in the stream of --names actop too; retop''s own has them anyway'
            cand --serve-processes 'Processes in the scrape: by program, or one by one with --names actop'
            cand --threads 'Threads of the processes in the output, and below those on the screen'
            cand --accessible 'Keep the terminal''s cursor on the selected row, for screen readers'
            cand --no-mouse 'Leave the mouse to the terminal'
            cand --show-cores 'Start with one row per core'
            cand --no-show-cores 'Start without rows for cores'
            cand --show-residency 'Show how long each clock was held'
            cand --no-show-residency 'Leave that out'
            cand --show-processes 'Start with the table of processes'
            cand --no-show-processes 'Start without it: boxes take its room'
            cand --no-alerts 'Watch for nothing'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand doctor 'Say what can be read here, what not, and what would help'
            cand run 'Run a command and report what it took: time, memory, I/O, energy'
            cand wait 'Wait for a GPU to be free, then become a command that uses it'
            cand record 'Record without a screen, into DIR or the XDG state folder'
            cand replay 'Show a recording: the whole screen as it was'
            cand export 'Write recordings as tables, series, lines or a part of them'
            cand query 'Say who used what in a window of recordings'
            cand metrics 'Print every metric with its unit and meaning'
            cand completions 'Print completions for a shell'
            cand man 'Print the man page'
        }
        &'retop;doctor'= {
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;run'= {
            cand --output 'Write the report to FILE and not to stderr'
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand --json 'Report as one line of JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;wait'= {
            cand -i 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]'
            cand --interval 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]'
            cand --gpu 'What one GPU must be: free>20G util<5% for=60s; gpu=0 means that one'
            cand --timeout 'Give up after so long, with exit status 124: 10m, 12h'
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;record'= {
            cand -i 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]'
            cand --interval 'Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m [1s]'
            cand --args 'Process arguments: none, redacted, full [none; redacted in recordings]'
            cand --max-size 'Bytes that all files of a recording may take; the oldest go first [1G]'
            cand --max-age 'How long samples are kept: 12h, 7d [7d]'
            cand --min-free 'Share of the file system that is left free [5%]'
            cand --sync 'When the disk is waited for: key, frame, never [key]'
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;replay'= {
            cand --at 'The moment to begin at: 14:01, -10m, 2026-11-03T14:01:00Z'
            cand --speed 'How much faster than life a replay plays [1]'
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand --json 'Stream samples as JSON, one line each; answers as JSON'
            cand --score 'Print how right the forecasts of GPU memory were; with --json one object'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;export'= {
            cand --processes 'Processes in the output, by CPU; with --filter all that match [20]'
            cand --process-groups 'Groups of processes as series: by program, or as FILE names them'
            cand --series 'Further series: cores, cgroups, idle-states, interrupts, sources'
            cand --args 'Process arguments: none, redacted, full [none; redacted in recordings]'
            cand -f 'Only these processes: words, a regex, or cpu>10 && user=bob'
            cand --filter 'Only these processes: words, a regex, or cpu>10 && user=bob'
            cand --from 'Begin there: 14:01, -10m, ''yesterday 22:00'', 2026-11-03, RFC 3339 [the first sample]'
            cand --until 'End there; +10m counts from the beginning [the last sample]'
            cand --to 'What to write, if OUT''s ending does not tell: parquet, csv, ndjson, openmetrics, retop'
            cand --tables 'Only these tables: processes,disks,cpu; docs/metrics.md lists them'
            cand --every 'One sample in each TIME: 10s, 1m'
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand --force 'Replace what an earlier export wrote'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;query'= {
            cand --from 'Begin there: 14:01, -10m, ''yesterday 22:00'', 2026-11-03, RFC 3339 [the first sample]'
            cand --until 'End there; +10m counts from the beginning [the last sample]'
            cand --top 'What to order by: cpu, mem, io, energy, gpu [cpu]'
            cand --by 'What to add up by: name, user, container, cgroup, pid [name]'
            cand -n 'Lines at most [20; with --json all]'
            cand --lines 'Lines at most [20; with --json all]'
            cand --pid 'One process, part by part of the window'
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand --json 'Stream samples as JSON, one line each; answers as JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;metrics'= {
            cand --format 'Format of the table: md, json [md]'
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;completions'= {
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'retop;man'= {
            cand --root 'Read the machine under DIR: a tree with proc/ and sys/ [/]'
            cand --source 'Watch a made-up machine, or a recording: replay:FILE'
            cand --config 'Read FILE and not config.toml in the XDG config folder'
            cand -h 'Print help'
            cand --help 'Print help'
        }
    ]
    $completions[$command]
}
