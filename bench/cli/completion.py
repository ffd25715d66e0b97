"""Completion of words in a shell: the candidates at the cursor, and the script that requests them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import data, registry
from bench.cli import keys
from bench.cli.execution import DEVICES
from bench.cli.stages import FLAGS, OTHERS, STAGES
from bench.data.pictures import BACKGROUNDS, CHANNELS, FITS
from bench.study.protocol import REPRESENTATIONS
from bench.study.run import CONVOLUTIONS, PRECISIONS, UPDATES
from bench.values import ConfigError, one_of

FILES = ":files"  # tells the script that the shell completes a path
YES_OR_NO = ["true", "false"]
KINDS = ["models", "metrics", "datasets", "studies", "trained"]
WITH_DATA = ["add", "list", "remove"]  # actions on the user's own data sets
# keys whose value may be a list [a,b]
LISTS = ("model", "dataset", "metric", "scoring.representations", "scoring.also_sampled", "scoring.also_held_out")

VALUES: Mapping[str, Callable[[], Sequence[str]]] = {
    "dataset": data.names,
    "metric": lambda: [*registry.names("metrics"), "all"],
    "scoring.also_sampled": lambda: registry.names("metrics"),
    "scoring.also_held_out": lambda: registry.names("metrics"),
    "scoring.representations": lambda: REPRESENTATIONS,
    "device": lambda: DEVICES,
    "fit": lambda: FITS,
    "channels": lambda: list(CHANNELS),
    "background": lambda: list(BACKGROUNDS),
    "trainer.precision": lambda: PRECISIONS,
    "trainer.updates": lambda: UPDATES,
    "trainer.convolution": lambda: CONVOLUTIONS,
    "trainer.architecture": lambda: registry.names("networks"),
    **dict.fromkeys(("open", "dry_run", "retry_failed", "replace", "with_codes", "trainer.compile"), lambda: YES_OR_NO),
}


def questions() -> list[str]:
    """Names of the questions, without importing their modules."""
    folder = Path(__file__).parents[1] / "report" / "questions"
    return sorted(file.stem for file in folder.glob("[a-z]*.py") if file.stem != "asked")


def candidates(words: Sequence[str]) -> str:
    """The completions of the word at the cursor, one a line.

    Args:
        words: the words behind the program's name, up to the one at the cursor.
    """
    *before, word = words or [""]
    stage = next((w for w in before if w in (*STAGES, *OTHERS)), None)
    if before[-1:] in (["--cfg"], ["-c"]):
        completions: Sequence[str] = ["job"]
    elif word.startswith("-"):
        completions = list(FLAGS)
    elif stage is None:
        completions = [*STAGES, *OTHERS]
    elif stage in OTHERS:
        completions = {"completion": list(SCRIPTS), "help": list(STAGES)}.get(stage, [])
    elif "=" in word:
        return _values(*word.partition("=")[::2], stage=stage)
    else:
        return _keys(word, stage, before)
    return _starting_with(word, completions)


def _starting_with(word: str, completions: Sequence[str]) -> str:
    return "\n".join(name for name in completions if name.startswith(word))


def _keys(word: str, stage: str, before: Sequence[str]) -> str:
    """Completions of a word without =: keys of the stage, or all keys if none of these matches."""
    takes = STAGES[stage].takes
    without_key = [w for w in before if "=" not in w and not w.startswith("-") and w != stage]
    values_without_key = [] if takes is None or without_key else _values_without_key(takes, stage)
    if values_without_key == [FILES]:
        return FILES
    of_stage = [*values_without_key, *(f"{key}=" for key in STAGES[stage].keys if key in keys.shipped())]
    of_all_stages = [f"{key}=" for key in keys.shipped() if key.count(".") == word.count(".")]
    return _starting_with(word, of_stage) or _starting_with(word, of_all_stages)


def _values_without_key(key: str, stage: str) -> list[str]:
    """Possible values of the key whose value a stage takes as a bare word."""
    if key in keys.PATHS:
        return [FILES]
    return {"question": questions, "list": lambda: KINDS, "data": lambda: WITH_DATA}.get(stage, list)()


def _values(key: str, value: str, stage: str) -> str:
    """Completions KEY=VALUE of a word; in a list, each keeps the names before the last one and repeats none."""
    if key in keys.PATHS:
        return FILES
    if key == "what":
        known: Sequence[str] = _values_without_key(key, stage)
    elif key in keys.groups():
        known = keys.groups()[key]
    else:
        known = VALUES[key]() if key in VALUES else []
    cut = max(value.rfind(","), value.rfind("[")) + 1 if key in LISTS else 0
    listed = value[:cut].strip("[").split(",")
    return "\n".join(
        f"{key}={value[:cut]}{name}" for name in known if name.startswith(value[cut:]) and name not in listed
    )


BASH = """\
_disentanglement_bench() {
    local line="${COMP_LINE:0:COMP_POINT}" word cut found
    local -a words
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word="${words[${#words[@]}-1]}"
    cut="${word%"${word##*[=:]}"}"
    if [[ $word == [\\'\\"]* ]]; then
        word="${word:1}" cut=""
        words[${#words[@]}-1]="$word"
    fi
    found="$("${words[0]}" completion words "${words[@]:1}" 2> /dev/null)"
    COMPREPLY=()
    if [[ $found == :files ]]; then
        compopt -o default
    elif [[ -n $found ]]; then
        mapfile -t COMPREPLY <<< "$found"
        [[ $found == *= || $word == *"["* ]] && compopt -o nospace
        COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    fi
}
complete -F _disentanglement_bench disentanglement-bench
"""

ZSH = """\
_disentanglement_bench() {
    local -a found
    found=("${(@f)$("${words[1]}" completion words "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
    if [[ $found[1] == :files ]]; then
        compset -P '*='
        _files
    elif [[ -n $found[1] ]]; then
        if [[ $found[1] == *= || $PREFIX == *\\[* ]]; then
            compadd -S '' -- $found
        else
            compadd -- $found
        fi
    fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _disentanglement_bench disentanglement-bench
"""

FISH = """\
function _disentanglement_bench
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    set -l found ($before[1] completion words $before[2..-1] $word 2> /dev/null)
    if test "$found" = :files
        set -l key (string match -r '^[^=]*=' -- $word)
        __fish_complete_path (string replace -- "$key" '' $word) | string replace -r '^' -- "$key"
    else if test -n "$found"
        printf '%s\\n' $found
    end
end
complete -c disentanglement-bench -f -a '(_disentanglement_bench)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def script(words: Sequence[str]) -> str:
    """The completion script for a shell to source.

    Raises:
        ConfigError: `words` is not the name of one shell.
        UnknownNameError: there is no script for this shell.
    """
    if len(words) != 1:
        raise ConfigError(f"completion takes the name of a shell: {', '.join(SCRIPTS)}")
    return SCRIPTS[one_of("shell", words[0], SCRIPTS)].rstrip()
