from .depth_profile import depth
from .files import file_name, save
from .spectrum_chart import esd

__all__ = ["depth", "esd", "file_name", "save"]
