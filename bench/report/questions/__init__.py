"""Questions about representations, each answered by a picture and its numbers: listed here once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.questions.clusters import draw_clusters
from bench.report.questions.conventions import draw_conventions
from bench.report.questions.entanglement import draw_entanglement
from bench.report.questions.fairness import draw_fairness
from bench.report.questions.generalisation import draw_generalisation
from bench.report.questions.generative_models import draw_generative_models
from bench.report.questions.identifiability import draw_identifiability
from bench.report.questions.interpolation import draw_interpolation
from bench.report.questions.label_efficiency import draw_label_efficiency
from bench.report.questions.noisy_or import draw_noisy_or
from bench.report.questions.posterior import draw_posterior
from bench.report.questions.rate_distortion import draw_rate_distortion
from bench.report.questions.sensitivity import draw_sensitivity


@dataclass(frozen=True)
class Question:
    """A question, and the function that draws its answer."""

    text: str
    draw: Callable[[Asked], Iterator[NamedDrawing]]


QUESTIONS: Mapping[str, Question] = {
    "identifiability": Question("Do data and objective say along which axes a code lies?", draw_identifiability),
    "noisy_or": Question("Can discrete causes be recovered from their effects?", draw_noisy_or),
    "rate_distortion": Question("What do reconstruction and disentanglement cost each other?", draw_rate_distortion),
    "posterior": Question("Are mean codes as independent as sampled ones?", draw_posterior),
    "clusters": Question("Do codes of one class lie together?", draw_clusters),
    "interpolation": Question("Does a point between two codes decode to an image?", draw_interpolation),
    "sensitivity": Question("What do scores depend on beside the codes?", draw_sensitivity),
    "entanglement": Question("Do factors correlated in training lie in the same dimensions?", draw_entanglement),
    "generalisation": Question("Do disentangled codes hold what training never showed?", draw_generalisation),
    "fairness": Question("Is a disentangled code a fair one?", draw_fairness),
    "conventions": Question("Why do two papers have different numbers for one model?", draw_conventions),
    "generative_models": Question("What does each dimension of a generative model draw?", draw_generative_models),
    "label_efficiency": Question("How many labels does a code need?", draw_label_efficiency),
}
