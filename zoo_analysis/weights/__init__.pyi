import zoo_analysis.hub.access

from .checkpoint import Checkpoint as Checkpoint
from .checkpoint import TensorInfo as TensorInfo
from .kernel import kernel_dims as kernel_dims
from .kernel import load_kernel as load_kernel
from .layers.listing import list_layers as list_layers
from .layers.listing import read_config as read_config
from .readers.open import open_checkpoint as open_checkpoint
from .readers.reader import Reader as Reader
from .spec import Kind as Kind
from .spec import LayerSpec as LayerSpec
from .spec import Role as Role

HubAccess = zoo_analysis.hub.access.HubAccess
current_access = zoo_analysis.hub.access.current_access
hub_access = zoo_analysis.hub.access.hub_access
