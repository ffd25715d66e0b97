"""`python -m bench question what=NAME study=STUDY`: one question about representations, answered by a picture."""

from bench.analysis.scores.agreement import TooFewRunsError
from bench.progress import say
from bench.report.questions import QUESTIONS
from bench.report.questions.asked import Asked
from bench.report.style import save
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.values import one_of


def list_questions() -> int:
    """Print the questions; returns the exit code."""
    width = max(map(len, QUESTIONS))
    print("\n".join(f"{n.ljust(width)}  {q.text}" for n, q in QUESTIONS.items()))
    return 0


def answer(name: str, plan: Plan, store: Store) -> int:
    """Draw the answer to a question; the exit code is 1 if there are too few runs for it.

    Raises:
        UnknownNameError: no such question.
    """
    question = QUESTIONS[one_of("question", name, QUESTIONS)]
    command = f"python -m bench question what={name} study={plan.name}"
    folder = store.study(plan.name) / "questions"
    try:
        for stem, figure, numbers in question.draw(Asked(plan, store)):
            say(f"{name}: {save(figure, numbers, folder / stem, command)[1]}")
    except TooFewRunsError as reason:
        say(f"{name}: not drawn: {reason}")
        return 1
    return 0
