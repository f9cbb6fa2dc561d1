"""A trained model in Python: what `mirbricks.load` gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..compiler.module import GraphModule, count_parameters
from ..data.corpus import Corpus
from ..data.items import Item
from ..errors import DataError, MirbricksError
from ..features.base import FeatureConfig
from ..runs.folder import RunFolder
from ..runs.settings import RunSettings
from ..tasks.base import Evaluation, Task
from ..tasks.codec.interface import codec_of
from ..tasks.codec.stored import Codes
from ..tasks.predictions import Prediction
from ..tasks.separation import Separated, Separation
from ..tasks.sounds import Sound
from ..tasks.streaming import Plan, Stream
from ..training.devices import as_device
from ..zoo import CARD
from .arguments import (
    count_of,
    flag_of,
    jobs_of,
    names_of,
    optional_path_of,
    path_of,
    size_of,
    wrong,
)
from .encoding import decode, encode
from .evaluate import evaluate
from .experiment import Experiment
from .generate import generate, opened, refuse_others
from .hosted import here
from .loading import load_run
from .overrides import Values, overrides_of
from .parts import move
from .predict import (
    audio_files,
    blocks_of_array,
    blocks_of_file,
    channels_of_array,
    predict,
    rate_of,
    refused,
)
from .predicted import result_names
from .progress import Progress, progress_of
from .run_on_corpus import Options
from .separate import Options as SeparationOptions
from .separate import Separating, channels_of_file


class Model:
    """A trained model: its graph with the best weights, its task, and what was chosen after its training.

    `mirbricks.load` makes one. It is in eval() mode, and ready to predict.

    Attributes
    ----------
    module : GraphModule
        The torch module, for what is not done here: `model.module(features)`.
    task : Task
        What it was trained for, with its settings.
    feature : FeatureConfig
        What its graph reads; `mirbricks.feature` computes it.
    settings : RunSettings
        The split, the threshold, the figures and the versions of its training.
    """

    def __init__(
        self, run: RunFolder, experiment: Experiment, settings: RunSettings
    ) -> None:
        self._run = run
        self._experiment = experiment
        self.settings = settings

    @property
    def name(self) -> str:
        """The name of its folder, which is that of a model of the zoo."""
        return self._run.path.resolve().name

    @property
    def path(self) -> Path:
        """Its folder: that of the run, or of the packed model."""
        return self._run.path

    @property
    def module(self) -> GraphModule:
        return self._experiment.model

    @property
    def task(self) -> Task:
        return self._experiment.task

    @property
    def feature(self) -> FeatureConfig:
        return self._experiment.feature

    @property
    def card(self) -> str | None:
        """What a packed model says about itself, in Markdown; None for a run."""
        if not self._run.packed:
            return None
        return self._run.read_text(CARD)

    def to(self, device: str | torch.device) -> Model:
        """Move the weights; returns the model. Raises RunError E624 for a device that does not work here."""
        move(self._experiment, as_device(device))
        return self

    def predict(
        self, audio: Any, sr_hz: int | None = None, *, progress: bool = False
    ) -> Any:
        """What the model finds in a recording, or in several.

        Audio of any sample rate is resampled, and its channels are averaged, exactly as `mirbricks predict` does. A
        model whose feature has `channels` reads so many of them.

        Parameters
        ----------
        audio : path, array, tensor, recording of a corpus, or a list of these
            A wav, flac, ogg or mp3 file; a folder of them; samples (N,) or (C, N) with a row per channel, or the pair
            (samples, sr_hz); a recording such as `corpus["01.wav"]`; or a list of these.
        sr_hz : int, optional
            The sample rate of samples, in Hz; files know their own.
        progress : bool
            Whether bars are shown.

        Returns
        -------
        Prediction
            The answer of the task, such as `.notes` and `.f0`, `.label`, `.chords` or `.embedding`, with `plot()` and
            `save()`; its `title` is the name of the file. For a folder or a list an iterator of them; what cannot be
            read costs itself, and is reported as a warning.

        Raises
        ------
        DataError
            E430 to E432 for a file that cannot be read, E436 for samples that are not audio, or have no `sr_hz`.

        Examples
        --------
        >>> import mirbricks as mb
        >>> import numpy as np
        >>> model = mb.load("zoo:mpe_bach10")
        >>> wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
        >>> found = model.predict(wave, sr_hz=48000)
        """
        shown = progress_of(flag_of(progress, "progress"))
        if isinstance(audio, str | Path) and Path(audio).is_dir() and str(audio):
            _refuse_rate(sr_hz)
            paths = audio_files(audio)
            named = zip(result_names(paths), paths, strict=True)
            return self._each(list(named), None, shown)
        if isinstance(audio, tuple) and len(audio) == 2 and isinstance(audio[1], int):
            # what a recording of a corpus and many readers give: samples and their rate
            _refuse_rate(sr_hz, "a recording")
            return self._one(audio[0], audio[1], "", shown)
        if isinstance(audio, list | tuple):
            return self._each(self._named(audio, sr_hz), sr_hz, shown)
        if isinstance(audio, Iterator):
            numbered = ((str(number), one) for number, one in enumerate(audio, 1))
            return self._each(numbered, sr_hz, shown)
        return self._one(audio, sr_hz, "", shown)

    def _named(
        self, several: Sequence[Any], sr_hz: int | None
    ) -> list[tuple[str, Any]]:
        """Each with a name for its results; what no recording can be is refused before the first is read."""
        names = []
        for number, one in enumerate(several, 1):
            if isinstance(one, int | float):
                raise refused("a number", "make an array of a list of samples")
            of_memory = not isinstance(one, str | Path | tuple | Item)
            if of_memory and sr_hz is None:
                help = "add sr_hz=44100, or what it is"
                raise refused("samples without a sample rate", help)
            names.append(one if isinstance(one, str | Path) else str(number))
        return list(zip(result_names(names), several, strict=True))

    def _one(
        self, audio: Any, sr_hz: int | None, title: str, progress: Progress
    ) -> Prediction:
        # A recording that is taken apart keeps its rate and its channels.
        if isinstance(self.task, Separation):
            return self._separated(audio, sr_hz, title, SeparationOptions(), progress)
        n_channels = self._experiment.feature.audio_channels
        if isinstance(audio, str | Path):
            _refuse_rate(sr_hz)
            read = blocks_of_file(audio, n_channels)
            title = title or Path(audio).stem
        elif isinstance(audio, Item):
            read = blocks_of_array(*audio.read_channels(), n_channels)
            title = Path(audio.key).stem
        elif isinstance(audio, tuple) and len(audio) == 2:
            read = blocks_of_array(*audio, n_channels)
        else:
            read = blocks_of_array(audio, sr_hz, n_channels)
        made: Prediction = predict(
            self._experiment, self.settings, read, title, progress
        )
        return made.titled(title)

    def _each(
        self,
        several: Iterable[tuple[str, Any]],
        sr_hz: int | None,
        progress: Progress,
    ) -> Iterator[Prediction]:
        """The predictions of those that can be read; the others are reported by their names."""
        for name, audio in several:
            of_file = isinstance(audio, str | Path)
            try:
                yield self._one(audio, None if of_file else sr_hz, name, progress)
            except MirbricksError as error:
                progress.complain(_of_item(name, error))

    def separate(
        self,
        source: Any,
        sr_hz: int | None = None,
        *,
        targets: Sequence[str] | str | None = None,
        sum_to_mix: bool | None = None,
        wiener: bool | None = None,
        one_pass_mb: int | None = None,
        progress: bool = False,
    ) -> Separated:
        """The sources of a recording, of a model of the task separation; the same as `mirbricks separate` writes.

        They have the rate, the channels and the length of the recording. A mono model separates every channel by
        itself.

        Parameters
        ----------
        source : path, array, tensor or recording of a corpus
            An audio file, samples (N,) or (C, N), or a recording such as `corpus["01.wav"]`.
        sr_hz : int, optional
            The sample rate of samples, in Hz; files know their own.
        targets : sequence of str, optional
            What to separate, such as `["violin", "bassoon"]`; default: all that the model knows.
        sum_to_mix : bool, optional
            Whether what the estimates lack of the mix is shared out among them; default: as it was trained.
        wiener : bool, optional
            Whether the estimates become Wiener filters of the mix; default: as it was trained.
        one_pass_mb : int, optional
            How much memory a model whose answer depends on the whole recording may take to separate it at once, in MB:
            beyond it, in chunks, with a warning; default: as it was trained.
        progress : bool
            Whether a bar is shown.

        Returns
        -------
        Separated
            With `separated["violin"]`, a `Sound` with `samples` (C, N) and `sr_hz`; `sounds`, `plot()` and `save()`.
            All are in memory: `mirbricks separate` writes the sources of a long recording as they come.

        Raises
        ------
        TaskError
            E806 for a model of another task, E807 for a target that it does not know, E808 where one target is to sum
            to the mix.
        DataError
            E430 to E432 for a file that cannot be read, E435 for channels that the model does not take, E436 for
            samples that are not audio, or have no `sr_hz`, and for more than one recording, E437 for `targets` that
            are not names.

        Examples
        --------
        >>> import mirbricks as mb
        >>> mb.load("zoo:mpe_bach10").separate("song.wav")
        Traceback (most recent call last):
        ...
        mirbricks.errors.TaskError: the model was trained for multi-pitch estimation, and takes no recording apart
          help: name a model of the task separation: `mirbricks zoo` lists those that come with mirbricks     [E806]
        """
        _refuse_several(source)
        if isinstance(source, tuple | Item):
            _refuse_rate(sr_hz, "a recording")
        if targets is not None:
            targets = names_of(targets, "targets")
        if sum_to_mix is not None:
            flag_of(sum_to_mix, "sum_to_mix")
        if wiener is not None:
            flag_of(wiener, "wiener")
        if one_pass_mb is not None:
            size_of(one_pass_mb, "one_pass_mb")
        options = SeparationOptions(targets, sum_to_mix, wiener, one_pass_mb)
        shown = progress_of(flag_of(progress, "progress"))
        return self._separated(source, sr_hz, "", options, shown)

    def stream(self, sr_hz: int | None = None, peak: float | None = None) -> Stream:
        """The model as one that answers while a recording comes in; the same as `mirbricks predict --stream` prints.

        Its answers are those of `predict` for frames that see the same: levels are relative to the largest that has
        come so far, unless `peak` is that of the whole recording, and no patches are put together.

        Parameters
        ----------
        sr_hz : int, optional
            The rate of the samples that will be pushed, in Hz; default: that of the model's feature. Samples of
            another rate are resampled as they come.
        peak : float, optional
            The largest magnitude of the feature in the whole recording, where it is known: `stream.peak` has it once
            the recording has been heard.

        Returns
        -------
        Stream
            With `push(samples)` and `flush()`, which give the answers of the task, and `latency_s`.

        Raises
        ------
        TaskError
            E517 for a task or a graph that needs the whole recording, E518 for a peak that is not above 0.
        DataError
            E436 or E439 for a rate that no recording has.

        Examples
        --------
        >>> import mirbricks as mb
        >>> import numpy as np
        >>> stream = mb.load("zoo:f0_notes").stream(sr_hz=44100)
        >>> found = stream.push(np.zeros(4410))
        >>> last = stream.flush()
        """
        plan = Plan.of(self.task, self.module, self.settings.tuned)
        rate_hz = None if sr_hz is None else rate_of(sr_hz)
        return Stream(plan, rate_hz, peak)

    def _separated(
        self,
        source: Any,
        sr_hz: int | None,
        title: str,
        options: SeparationOptions,
        progress: Progress,
    ) -> Separated:
        separating = Separating(self._experiment, options)
        if isinstance(source, str | Path):
            _refuse_rate(sr_hz)
            read = channels_of_file(source)
            title = title or Path(source).stem
        elif isinstance(source, Item):
            read = channels_of_array(*source.read_channels())
            title = Path(source.key).stem
        elif isinstance(source, tuple) and len(source) == 2:
            read = channels_of_array(*source)
        else:
            read = channels_of_array(source, sr_hz)
        with progress.sharing(title or self.task.title) as on_share:
            return separating.sounds(read, title, on_share)

    def generate(
        self,
        n: int = 1,
        conditions: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        best_of: int | None = None,
        set: Values | None = None,
        progress: bool = False,
    ) -> list[Sound]:
        """Sounds that the model makes; the same as `mirbricks generate` writes.

        Parameters
        ----------
        n : int
            How many.
        conditions : mapping, optional
            What is asked for, such as `{"instrument": "guitar", "pitchmidi": 60}`: one value for all sounds, or a list
            of n values. What is left out is drawn as it occurs in the training recordings;
            `model.task.conditions_of(model.settings.tuned)` has the names and values.
        seed : int
            The same seed gives the same sounds.
        best_of : int, optional
            So many sounds are made for each, and the model's ear (`task.ear`) keeps the one that is most like what was
            asked for; default: as the model's settings say.
        set : mapping, optional
            Settings of the task, such as `{"task.temperature": 0.9}`.
        progress : bool
            Whether bars are shown.

        Returns
        -------
        list of Sound
            With `samples` (C, N), `sr_hz`, `details`, `plot()` and `save()`.

        Raises
        ------
        TaskError
            Before anything is computed: E514 for a model that makes no sounds, E560 for an unknown condition, E561 for
            a value that was not seen in training, E563 for a list of another length.
        """
        n = count_of(n, "n", "a number of sounds from 1 on")
        seed = count_of(seed, "seed", "a whole number from 0 to 2**64 - 1", least=0)
        if conditions is not None and not isinstance(conditions, Mapping):
            raise wrong("conditions", 'a mapping such as {"pitchmidi": 60}', conditions)
        if best_of is not None:
            best_of = count_of(best_of, "best_of", "a number of sounds from 1 on")
            set = {**(set or {}), "task.best_of": best_of}
        shown = progress_of(flag_of(progress, "progress"))
        made = generate(
            self._with(set), self.settings, n, conditions or {}, seed, shown
        )
        return list(made)

    def encode(
        self, audio: Any, sr_hz: int | None = None, *, codebooks: int | None = None
    ) -> Codes:
        """The codes of a recording, of a model that is a codec; the same as `mirbricks encode` writes.

        Parameters
        ----------
        audio : path, array or tensor
            An audio file, or samples (N,) or (C, N); resampled and mixed down as `predict` does.
        sr_hz : int, optional
            The sample rate of samples, in Hz; a file knows its own.
        codebooks : int, optional
            The first codebooks only, for fewer bits; default: all of them.

        Returns
        -------
        Codes
            With `values` (Q, T); `to_bytes()` is the content of a file. A codec without codebooks gives its latents.

        Raises
        ------
        TaskError
            E580, E581 for a model that is no codec, E584 for more codebooks than there are.
        DataError
            E430 to E432 for a file that cannot be read, E436 for samples that are not audio, or have no `sr_hz`, E437
            for `codebooks` that is not a number of them.
        """
        if codebooks is not None:
            expected = "a number of codebooks from 1 on"
            codebooks = count_of(codebooks, "codebooks", expected)
        if isinstance(audio, str | Path):
            _refuse_rate(sr_hz)
            read = blocks_of_file(audio)
        else:
            read = blocks_of_array(audio, sr_hz)
        return encode(codec_of(self), read, codebooks)

    def decode(self, codes: Codes | str | Path) -> Sound:
        """The sound of codes; the same codes give the same samples to the bit.

        Parameters
        ----------
        codes : Codes or path
            What `encode` gives, or a file that `mirbricks encode` wrote.

        Returns
        -------
        Sound
            As long as the recording was.

        Raises
        ------
        TaskError
            E585 for codes that another codec made, E586 for a file that holds none.
        """
        if not isinstance(codes, Codes):
            codes = Codes.read(path_of(codes, "codes"))
        return decode(codec_of(self), codes)

    def _with(self, values: Values | None) -> Experiment:
        """The experiment, or a copy of it with other settings of the task and the same weights."""
        overrides = overrides_of(values)
        if not overrides:
            return self._experiment
        refuse_others(overrides)
        changed, _ = opened(self._run, overrides)
        changed.model.load_state_dict(self.module.state_dict())
        move(changed, next(self.module.parameters()).device)
        return changed

    def evaluate(
        self,
        data: str | Path | Corpus,
        *,
        split: str | None = None,
        set: Values | None = None,
        cache: str | Path | None = None,
        jobs: int = -1,
        progress: bool = True,
    ) -> Evaluation:
        """Judge the model, with the weights that it has now, on a corpus; see `mirbricks.evaluate`.

        Returns
        -------
        Evaluation
            `figures` of all tracks together, and what each track adds to them in `tracks`.
        """
        options = Options(
            split=split,
            overrides=overrides_of(set),
            cache=optional_path_of(cache, "cache"),
            jobs=jobs_of(jobs),
            device=str(next(self.module.parameters()).device),
        )
        weights = self.module.state_dict()
        shown = progress_of(flag_of(progress, "progress"))
        corpus = path_of(data, "data")
        return evaluate(self.path, corpus, options, shown, weights).evaluation

    def __repr__(self) -> str:
        count = count_parameters(self.module)
        feature = f"{self.feature.type} at {self.feature.sr_hz} Hz"
        return (
            f"<{self.name}: {self.task.title}, {count:,} parameters, reads {feature}>"
        )


def _refuse_rate(sr_hz: object, kind: str = "a file") -> None:
    """A file or a pair has its own sample rate; another one beside it would be a contradiction."""
    if sr_hz is not None:
        help = f"leave sr_hz out: {kind} knows its own"
        raise refused(f"{kind} with another sample rate than its own", help)


def _refuse_several(source: object) -> None:
    """Raise DataError E436 for more than one recording."""
    help = "separate one at a time, or `model.predict` all of them"
    if isinstance(source, list):
        raise refused("a list", help)
    if isinstance(source, str | Path) and str(source) and Path(source).is_dir():
        raise refused("a folder", help)


def _of_item(name: str, error: MirbricksError) -> DataError:
    """The error with the name of the recording that it is about."""
    return DataError(
        f"'{name}': {error.message}",
        code=error.code,
        facts=error.facts,
        help=error.help,
    )


def load(
    source: str | Path,
    *,
    sha256: str | None = None,
    device: str | torch.device = "cpu",
) -> Model:
    """A trained model with its weights.

    Parameters
    ----------
    source : str or Path
        `zoo:NAME` for a model that comes with mirbricks (`mirbricks.list_models`), the folder of a run, a packed
        model, or its archive `NAME.mirb`: a file, or an address such as "https://example.org/toy.mirb#sha256=...",
        which is fetched once into the user's cache folder.
    sha256 : str, optional
        The checksum of an archive or of the folder of a packed model, as `mirbricks pack` prints it; what differs from
        it is refused. An address must have one.
    device : str or torch.device
        Where its weights lie.

    Returns
    -------
    Model
        In eval() mode, with the threshold that was chosen after its training.

    Raises
    ------
    RunError
        E615 for an address that does not answer, or has something else than its checksum says; E600 where there is no
        run, E605 and E606 for files that are missing or damaged, E607 for weights of another
        graph, E609 where the training has not ended, E610 for an unknown name of the zoo, E624 for the device.

    Examples
    --------
    >>> import mirbricks as mb
    >>> model = mb.load("zoo:tagging_esc10")
    >>> model.settings.tuned["labels"][0]
    'Baby cry'
    """
    run = RunFolder.open(here(path_of(source, "source"), sha256))
    return Model(run, *load_run(run)).to(device)
