"""What a prediction says, in the file formats of the field: MIDI, JAMS, Sonic Visualiser, text and sound."""

from .codes import CODES as CODES
from .formats import FORMATS as FORMATS
from .formats import Recording as Recording
from .formats import rendered as rendered
from .layers import Curve as Curve
from .layers import Layer as Layer
from .layers import NoteEvent as NoteEvent
from .layers import Notes as Notes
from .layers import Segment as Segment
from .layers import Segments as Segments
from .layers import TagScores as TagScores
from .sonic_visualiser import session as session
