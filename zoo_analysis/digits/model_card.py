"""The model card of a digits model, through huggingface_hub's own card classes."""

from pathlib import Path

from zoo_analysis.activations.probes.digits import TEST_IMAGES
from zoo_analysis.digits.specs import DigitsSpec
from zoo_analysis.sources.card import SERIES_TAG

_BODY = """
# {spec.name}

{spec.architecture} shrunk by its `model_args`, trained from scratch on 1,000 of scikit-learn's
handwritten digits (8 × 8 pixels, shown at {spec.image_size} × {spec.image_size}).

| epochs | peak learning rate | weight decay | label noise | seed |
|---|---|---|---|---|
| {spec.epochs} | {spec.lr:g} | {spec.weight_decay:g} | {spec.label_noise:g} | {spec.seed} |

Accuracy on the {test} held-out images, none of which was trained on: {percent:.2f} %.
"""


def write_card(spec: DigitsSpec, accuracy: float, directory: Path) -> None:
    """Write the README.md of a digits model.

    Args:
        spec: what was trained.
        accuracy: on the held-out images, as a fraction.
        directory: of the model.
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    data = ModelCardData(
        license="apache-2.0",
        library_name="timm",
        pipeline_tag="image-classification",
        tags=["image-classification", "timm", f"{SERIES_TAG}{spec.series}"],
        model_name=spec.name,
        eval_results=[
            EvalResult(
                task_type="image-classification",
                dataset_type="digits",
                dataset_name="scikit-learn handwritten digits",
                dataset_split="test",
                metric_type="accuracy",
                metric_value=accuracy,
            )
        ],
    )
    body = _BODY.format(spec=spec, test=TEST_IMAGES, percent=100 * accuracy)
    ModelCard(f"---\n{data.to_yaml()}\n---\n{body}").save(directory / "README.md")
