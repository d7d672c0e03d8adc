"""A zoo trained on the spot: small timm models of real handwritten digits."""

from zoo_analysis.digits.specs import DigitsSpec, digits_dir, digits_zoo
from zoo_analysis.digits.training import train
from zoo_analysis.digits.twins import make_twin, twin_of, twins_dir

__all__ = [
    "DigitsSpec",
    "digits_dir",
    "digits_zoo",
    "make_twin",
    "train",
    "twin_of",
    "twins_dir",
]
