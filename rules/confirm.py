"""The one place that knows Presidio: our recognisers as its PatternRecognizers, asked about small windows.

Imported on first need (0.9 s), with no model and no network. A time-out inside Presidio, which Presidio itself turns
into an empty answer, is an exception here.
"""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from rules.recognise import CERTAIN, Recogniser

LANGUAGE = "en"
REGEX_TIMEOUT_S = 5.0  #: for one expression on one window of some hundred characters


class NoAnswerError(Exception):
    """Presidio could not look. Holds no content."""


class _Expression:
    """Stands where Presidio keeps its compiled expression: a time-out must not be taken for "nothing there"."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def finditer(self, text: str, timeout: float | None = None) -> Iterable[Any]:
        try:
            yield from self._compiled.finditer(text, timeout=min(timeout or REGEX_TIMEOUT_S, REGEX_TIMEOUT_S))
        except TimeoutError:
            raise NoAnswerError("a recogniser's expression ran out of time") from None


class Confirmer:
    """Presidio's AnalyzerEngine over our recognisers; built on first use, one in a process."""

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self._recognisers = recognisers
        self._engine: Any = None

    def score(self, entity: str, window: str) -> float:
        """Presidio's best score for `entity` in a window; 0 when it finds none. Raises NoAnswerError."""
        if self._engine is None:
            self._engine = _engine(self._recognisers)
        try:
            results = self._engine.analyze(text=window, language=LANGUAGE, entities=[entity])
        except NoAnswerError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever breaks in there, nothing was looked at
            raise NoAnswerError(f"Presidio failed: {type(error).__name__}") from None
        return max((float(result.score) for result in results), default=0.0)

    def best(self, entity: str, windows: Iterable[str]) -> float:
        """The first certain score, else the highest: a call costs a millisecond, and certain is enough."""
        highest = 0.0
        for window in windows:
            highest = max(highest, self.score(entity, window))
            if highest >= CERTAIN:
                break
        return highest


class Answers:
    """Presidio's certain answers about the columns of one message: a report's pages are one list, asked about once."""

    def __init__(self, confirmer: Confirmer) -> None:
        self._confirmer = confirmer
        self._certain: dict[tuple[str | None, str, str], float] = {}

    def best(self, part: str | None, header: str, entity: str, windows: Iterable[str]) -> float:
        column = (part, header, entity)
        if column in self._certain:
            return self._certain[column]
        score = self._confirmer.best(entity, windows)
        if header and score >= CERTAIN:
            self._certain[column] = score
        return score


def _engine(recognisers: Sequence[Recogniser]) -> Any:
    import warnings  # noqa: PLC0415 - only to silence what is imported here

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, decision_process_logger  # noqa: PLC0415 - 0.9 s
        from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: PLC0415

        # Presidio's loggers may quote what they read.
        for name in ("presidio-analyzer", "presidio_analyzer", "decision_process"):
            decision_process_logger.manager.getLogger(name).disabled = True
        configuration = {"nlp_engine_name": "no_op", "models": [{"lang_code": LANGUAGE, "model_name": "no_op"}]}
        registry = RecognizerRegistry(
            recognizers=[_presidio_recogniser(recogniser) for recogniser in recognisers], supported_languages=[LANGUAGE]
        )
        return AnalyzerEngine(
            registry=registry,
            nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine(),
            supported_languages=[LANGUAGE],
            context_aware_enhancer=_no_enhancer(),
        )


def _no_enhancer() -> Any:
    """In the place of Presidio's own, which is quadratic: scores stay as `Recogniser.judge` has left them."""
    from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer  # noqa: PLC0415

    class NoEnhancer(ContextAwareEnhancer):
        def enhance_using_context(self, raw_results: list[Any], **_: Any) -> list[Any]:  # type: ignore[override]
            return raw_results

    return NoEnhancer(0.0, 0.0, 0, 0)


def _presidio_recogniser(recogniser: Recogniser) -> Any:
    regex = import_module("regex")  # comes with Presidio
    from presidio_analyzer import Pattern, PatternRecognizer  # noqa: PLC0415

    class FromFile(PatternRecognizer):
        """A recogniser file as Presidio sees it: its patterns, its check, and our linear rule for labels."""

        def invalidate_result(self, pattern_text: str) -> bool:
            return not recogniser.check(pattern_text)

        def analyze(
            self, text: str, entities: list[str], nlp_artifacts: Any = None, regex_flags: Any = None
        ) -> list[Any]:
            results: list[Any] = super().analyze(text, entities, nlp_artifacts, regex_flags)
            for result in results:
                result.score = recogniser.judge(text, result.start, result.end, result.score)
            return results

    patterns: list[Any] = [Pattern(entry.name, entry.regex, entry.score) for entry in recogniser.file.patterns]
    for pattern in patterns:
        pattern.compiled_regex = _Expression(regex.compile(pattern.regex))
        pattern.compiled_with_flags = 0
    return FromFile(
        supported_entity=recogniser.entity, name=recogniser.file.id, patterns=patterns, global_regex_flags=0
    )
