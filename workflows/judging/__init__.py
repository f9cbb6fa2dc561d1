"""Generated sounds against real ones, over an embedding, beside two yardsticks: `mirbricks judge`."""
