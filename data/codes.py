"""The error codes of corpora: audio, annotations, splits, batches."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E402": "A key was asked for that the HDF5 file does not hold. `filepath[0].value` of an entry is its HDF5 key.",
    "E403": "A key of audio is a float array, (N,) or (C, N); a key of features a 2-D array, (frames, features).",
    "E404": "Every audio key carries the attribute 'sr_hz', its sampling rate in Hz as a positive whole number.",
    "E405": "An array without a single sample or frame cannot be used; it usually stands for a failed conversion.",
    "E406": "NaN and infinity spread through every weight of a model within one step, so such data are refused.",
    "E407": "A key names one recording. Two recordings of one name would silently replace one another.",
    "E411": "Every HDF5 key needs an entry in the .pyjama, and every entry a key: else data would be lost unnoticed.",
    "E412": "An annotation ends more than 0.1 s after its audio: wrong audio, wrong annotation, or a wrong 'sr_hz'.",
    "E413": "The annotation 'stem_of' of a stem holds the key of its mix, which must be another item of the corpus.",
    "E414": "The audio of a recording is silent throughout, or clipped: cut flat at its peak for more than 1 in 1000.",
    "E415": "A corpus holds audio (NAME_audio.hdf5), features (NAME_feat.hdf5) or both; here the other kind is needed.",
    "E416": "The times of frames are given by 'hop_s' and 't0_s', or by 'time', a number for each frame.",
    "E417": "The same audio is on two sides of a split, or twice in the corpus: what is tested would be known.",
    "E418": "Stems are mixed in every combination: at most six stems per mix, and all at one sampling rate.",
    "E420": "A .pyjama file is JSON, in UTF-8. It cannot be parsed from the marked place on.",
    "E421": "A .pyjama has 'schemaversion' and 'collection'; the collection has 'descriptiondefinition' and 'entry'.",
    "E422": "An entry uses an annotation that 'descriptiondefinition' does not define, so its meaning is unknown.",
    "E423": "An atom has a 'value' and, by the extent of its annotation, a 'time' and a 'duration' in seconds.",
    "E424": "The values and the times of a breakpoint annotation belong together one to one, and the times increase.",
    "E425": "A duration is in seconds and never negative.",
    "E426": "NaN and infinity are not JSON numbers and mean nothing in an annotation. Leave the atom out instead.",
    "E427": "Every entry has a 'filepath' whose first value is its HDF5 key; no two entries share one.",
    "E428": "The annotation's definition says 'value_in_dictionary', and the value is not in the dictionary.",
    "E429": "Times of annotations are in seconds from the start of the audio: nothing lies before 0.",
    "E430": "The audio file cannot be decoded. wav, flac, ogg and mp3 are read.",
    "E431": "The audio file holds not a single sample.",
    "E432": "The audio file holds NaN or infinity (only float formats can).",
    "E435": "A reader of several channels takes recordings with as many, or mono ones, whose channel is repeated.",
    "E438": "Channels that are each other upside down have a silent mean, and the mean is what mono tasks read.",
    "E440": "A fold needs at least one group for the test, one for the validation and one for the training.",
    "E441": "Folds are numbered from 0 to dataset.folds - 1; a corpus with dataset.split: annotation has no folds.",
    "E442": "A group (a piece with stems and versions) is on one side of a split only, else the test is not a test.",
    "E443": "The annotation 'split' of every item is 'train', 'valid' or 'test', and at least train and valid occur.",
    "E444": "A split is grouped by, and balanced over, annotations that the recordings of the corpus have.",
    "E445": "A stored split is replaced with --replace only: figures measured on it lose their meaning.",
    "E446": "A stored fold is a whole number or a text, one for each recording, and at least 3 folds occur.",
    "E456": "A worker process was ended from outside, mostly by the system for lack of memory. What is cached stays.",
    "E470": "A synthetic corpus goes to a folder without a corpus; --seconds is the length of clips, 1 to 3600 s.",
    "E472": "A file in parts has all of them beside one another: NAME_audio-00001-of-00004.hdf5 to -00004-of-00004.",
}
register_codes(__name__, CODES)
