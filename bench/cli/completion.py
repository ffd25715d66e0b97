"""Completion of words in a shell: what may stand at the cursor, and the script that asks for it."""

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

FILES = ":files"  # said to the script: the shell completes a path
YES_OR_NO = ["true", "false"]
KINDS = ["models", "metrics", "datasets", "studies", "trained"]
WITH_DATA = ["add", "list", "remove"]  # what is done with data sets of the user's own
LISTS = (
    "model",
    "dataset",
    "metric",
    "scoring.representations",
    "scoring.also_sampled",
    "scoring.also_held_out",
)  # [a,b] may be given

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
    """Names of the questions, without importing what draws them."""
    folder = Path(__file__).parents[1] / "report" / "questions"
    return sorted(file.stem for file in folder.glob("[a-z]*.py") if file.stem != "asked")


def candidates(words: Sequence[str]) -> str:
    """What the word at the cursor may become, a line each.

    Args:
        words: those behind the program's name, the one at the cursor last.
    """
    *before, word = words or [""]
    stage = next((w for w in before if w in (*STAGES, *OTHERS)), None)
    if before[-1:] in (["--cfg"], ["-c"]):
        found: Sequence[str] = ["job"]
    elif word.startswith("-"):
        found = list(FLAGS)
    elif stage is None:
        found = [*STAGES, *OTHERS]
    elif stage in OTHERS:
        found = {"completion": list(SCRIPTS), "help": list(STAGES)}.get(stage, [])
    elif "=" in word:
        return _values(*word.partition("=")[::2], stage=stage)
    else:
        return _keys(word, stage, before)
    return _that_begin(word, found)


def _that_begin(word: str, found: Sequence[str]) -> str:
    return "\n".join(name for name in found if name.startswith(word))


def _keys(word: str, stage: str, before: Sequence[str]) -> str:
    """Keys of the stage; further ones where its own do not begin like the word; those below a key behind its dot."""
    takes = STAGES[stage].takes
    alone = [w for w in before if "=" not in w and not w.startswith("-") and w != stage]
    standing = [] if takes is None or alone else _standing(takes, stage)
    if standing == [FILES]:
        return FILES
    own = [*standing, *(f"{key}=" for key in STAGES[stage].keys if key in keys.shipped())]
    every = [f"{key}=" for key in keys.shipped() if key.count(".") == word.count(".")]
    return _that_begin(word, own) or _that_begin(word, every)


def _standing(key: str, stage: str) -> list[str]:
    """What may be the value of the key that a stage takes without its name."""
    if key in keys.PATHS:
        return [FILES]
    return {"question": questions, "list": lambda: KINDS, "data": lambda: WITH_DATA}.get(stage, list)()


def _values(key: str, value: str, stage: str) -> str:
    """Values of a key, each with the key and the names of a list that stand before it."""
    if key in keys.PATHS:
        return FILES
    if key == "what":
        known: Sequence[str] = _standing(key, stage)
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
    """The script that a shell is to source.

    Raises:
        ConfigError: not one shell is named.
        UnknownNameError: the shell is none of those that there is a script for.
    """
    if len(words) != 1:
        raise ConfigError(f"completion takes the name of a shell: {', '.join(SCRIPTS)}")
    return SCRIPTS[one_of("shell", words[0], SCRIPTS)].rstrip()
