"""Generation in the latent space of a codec: rectified flows and diffusions, with conditions from annotations."""

# The errors of this task can be raised once it is imported.
from . import codes as codes
from .config import LatentGenerationConfig as LatentGenerationConfig
from .task import LatentGeneration as LatentGeneration
