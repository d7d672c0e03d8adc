"""Models on the hub, from its metadata alone: one call a repository, or one for a page of them."""

from collections.abc import Sequence
from dataclasses import replace

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.api import hub_infos, list_models
from zoo_analysis.hub.description import HubModel
from zoo_analysis.hub.kept import is_offline, kept_models
from zoo_analysis.hub.path import HubPath, split_id
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.refusals import explain
from zoo_analysis.hub.repository import Repository
from zoo_analysis.sources.card import Card, card_fields, card_of, left_out, number
from zoo_analysis.sources.layout import ModelFolder, members, nothing, walk_names, without
from zoo_analysis.sources.metadata import architecture_of, read_text
from zoo_analysis.sources.ref import Accuracy, ModelRef, Problem, Resolved
from zoo_analysis.weights.lenient_json import lenient_json
from zoo_analysis.weights.readers.by_suffix import suffixes
from zoo_analysis.weights.readers.files import NoVariant, stem, weight_suffix, weights_name

#: Bytes of an element by the hub's name of its type.
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
#: The source of evaluation results that the hub gathers from ``.eval_results/*.yaml``.
EVAL_RESULTS = "eval-results"
#: The prefix of the tag by which the hub repeats a card's licence.
_LICENCE = "license:"


def hub_models(
    names: Sequence[str], access: HubAccess | None = None, variant: str = ""
) -> dict[str, Resolved]:
    """Models of the hub by the names of their repositories, one call each.

    Where HF_HUB_OFFLINE forbids the call, they are those that this machine's caches hold.

    Args:
        names: ``OWNER/NAME``, also with ``/PART`` for a folder or file of it, ``:VARIANT``,
            ``@REVISION`` behind and ``hf://`` in front.
        access: how to reach the hub; None is `hub.access.default_access`.
        variant: of the weights, where the name says none.

    Returns:
        For each name its models, their revision resolved to a commit, and why there are no more.

    Raises:
        SourceError: the hub cannot be reached, or does not accept the token.
    """
    access = access or default_access()
    out: dict[str, Resolved] = {}
    infos = kept_models(names, access) if is_offline() else hub_infos(names, access)
    for name, found in infos.items():
        named = split_id(name)
        whole = "/".join(filter(None, (named.repo_id, named.part)))
        if isinstance(found, Exception):
            line = explain(found, named.repo_id, access, named.revision)
            out[name] = Resolved((), (Problem(whole, type(found).__name__, line),))
        elif is_offline() and not any(map(weight_suffix, found.files)):
            line = f"{whole}: HF_HUB_OFFLINE is set and its weights are not in the cache; unset it"
            out[name] = Resolved((), (Problem(whole, "NoWeights", line),))
        else:
            known = _read_here(found, access) if is_offline() else found
            resolved = described(known, named.variant or variant, named.part)
            if named.revision and not str(found.sha).startswith(named.revision):
                named_so = tuple(replace(ref, branch=named.revision) for ref in resolved.refs)
                resolved = replace(resolved, refs=named_so)
            out[name] = resolved
    return out


def _read_here(info: HubModel, access: HubAccess) -> HubModel:
    """A repository in a cache, with what the hub would tell of its card and configuration."""
    repository = Repository(access, info.id, str(info.sha))
    texts = {
        name: read_text(folder / name) or ""
        for name in ("README.md", "config.json")
        if (folder := repository.cached([name])) is not None
    }
    card = card_fields(texts.get("README.md", ""))
    try:
        config = lenient_json(texts.get("config.json", ""))
    except ValueError:
        config = None
    return replace(
        info,
        card=card,
        model_index=card.get("model-index"),
        config=config if isinstance(config, dict) else {},
    )


def hub_query(query: HubQuery, access: HubAccess | None = None, variant: str = "") -> Resolved:
    """All models that a query finds, one call a page.

    Args:
        query: which models, in which order.
        access: how to reach the hub; None is `hub.access.default_access`.
        variant: of their weights.

    Raises:
        SourceError: the hub cannot be reached, or refuses.
    """
    infos = list_models(query, access or default_access())
    found = [described(info, variant) for info in infos]
    return Resolved(
        tuple(ref for each in found for ref in each.refs),
        tuple(problem for each in found for problem in each.problems),
    )


def described(info: HubModel, variant: str = "", part: str = "") -> Resolved:
    """The models of a repository by the hub's description: itself, and its folders.

    Which folders are models is said by `sources.layout`, as on disk. What the repository reports
    is its own alone, and told with its first model.

    Args:
        info: as the hub has it.
        variant: of the weights of models in hub layout; those that do not have it are taken plain.
        part: the folder or file that is wanted; "" is all.

    Returns:
        The models, and problems: the description is malformed, the repository is disabled or has
        no commit, a folder holds no weights, or several and none under a name that says it is the
        one.
    """
    if info.problem:
        return Resolved((), (Problem(info.id, "MalformedDescription", info.problem),))
    if not info.sha or info.disabled:
        line = f"{info.id}: disabled or empty on the hub; choose another model"
        return Resolved((), (Problem(info.id, "NoWeights", line),))
    whole = _repository(info)
    names = sorted(info.files)
    if part in names:
        return Resolved((_part(whole, part, stem(part)),), ())
    refs: list[ModelRef] = []
    problems: list[Problem] = []
    remarks = whole.remarks
    below = [name for name in names if name.startswith(f"{part}/" if part else "")]
    for member in list(members(walk_names(below, part))):
        where = "/".join(filter(None, (info.id, member.folder)))
        bare = member.what == "nothing" and member.names
        reason = nothing(member, where) if bare else None
        try:
            if member.what == "model" or (member.what == "files" and not member.folder):
                refs.append(_model(whole, member, where, variant))
            elif member.what == "files":
                loose = [_part(whole, file, name) for file, name in _loose(member)]
                refs += [replace(loose[0], remarks=member.remarks), *loose[1:]]
            elif member.what == "pipeline":
                remarks += member.remarks
        except CheckpointError as error:
            reason = str(error)
        if reason:
            problems.append(Problem(where, "NoWeights", reason))
    if not refs and not problems:
        where = f"{info.id}/{part}" if part else info.id
        line = f"{where}: no weights; known are files ending in {' '.join(suffixes())}"
        problems.append(Problem(where, "NoWeights", line))
    if refs and not part:
        first = refs[0]
        refs[0] = replace(first, accuracies=whole.accuracies, remarks=(*remarks, *first.remarks))
    return Resolved(tuple(refs), tuple(problems))


def _repository(info: HubModel) -> ModelRef:
    """A repository with all that is said of it, but for the path of its weights."""
    architecture, card = architecture_of(dict(info.config)), _card(info)
    results, odd = eval_results(info)
    return ModelRef(
        repo_id=info.id,
        revision=info.sha,
        path="",
        source="hub",
        nbytes=_nbytes(info),
        series=card.series or architecture.series,
        architecture=architecture.name,
        library=info.library or card.library or architecture.library,
        pipeline_tag=info.pipeline_tag or card.pipeline_tag,
        license=card.license,
        base_model=card.base_model or ", ".join(info.base_models) or None,
        created=info.created,
        modified=info.modified,
        downloads=info.downloads,
        likes=info.likes,
        accuracies=(*card.accuracies, *results),
        remarks=(*card.remarks, *left_out(EVAL_RESULTS, odd)),
    )


def _model(whole: ModelRef, member: ModelFolder, where: str, variant: str) -> ModelRef:
    """A folder of a repository in hub layout."""
    remarks, ending = member.remarks, f":{variant}" if variant else ""
    try:
        file = weights_name(member.names, where, variant)
    except NoVariant:
        remarks, ending = (*remarks, without(variant)), ""
        file = weights_name(member.names, where)
    if member.folder:
        ref = _part(whole, f"{member.folder}/{file}", member.folder)
    else:
        ref = replace(whole, path=_path(whole, file), accuracies=())
    return replace(ref, repo_id=ref.repo_id + ending, remarks=remarks)


def _part(whole: ModelRef, file: str, name: str) -> ModelRef:
    """A part of a repository; size and architecture are known when its own files are read."""
    return replace(
        whole,
        repo_id=f"{whole.repo_id}/{name}",
        path=_path(whole, file),
        nbytes=0,
        series=None if whole.architecture else whole.series,
        architecture=None,
        accuracies=(),
        remarks=(),
    )


def _path(whole: ModelRef, file: str) -> str:
    return str(HubPath(whole.repo_id, str(whole.revision), file))


def _loose(member: ModelFolder) -> list[tuple[str, str]]:
    """Paths of a folder's checkpoints, each with its name: without the suffix, as on disk."""
    files = [f"{member.folder}/{name}" for name in member.weights]
    stems = [stem(file) for file in files]
    return [(f, s if stems.count(s) == 1 else f) for f, s in zip(files, stems, strict=True)]


def eval_results(info: HubModel) -> tuple[list[Accuracy], list[str]]:
    """The numbers in a repository's ``.eval_results``, and which of them are none.

    Each benchmark has its own unit.
    """
    out = []
    odd = [f"entries that are malformed ({info.odd_results})"] if info.odd_results else []
    for entry in info.eval_results:
        value = number(entry.value)
        whole = entry.task in (None, "default")
        dataset = entry.dataset if whole else f"{entry.dataset}:{entry.task}"
        if value is None:
            odd.append(f"score on {dataset}")
            continue
        out.append(
            Accuracy(
                repo_id=info.id,
                dataset=dataset,
                metric="score",
                value=value,
                source=EVAL_RESULTS,
                source_url=entry.source_url,
            )
        )
    return out, odd


def _card(info: HubModel) -> Card:
    """The card, by the hub's own reading of it; its licence is also among the tags."""
    fields = info.card or {"tags": list(info.tags)}
    card = card_of(fields, info.model_index, info.id)
    licences = (tag.removeprefix(_LICENCE) for tag in info.tags if tag.startswith(_LICENCE))
    return replace(card, license=card.license or next(licences, None))


def _nbytes(info: HubModel) -> int:
    """Bytes of the safetensors files by the hub's count of elements; 0 where it has none."""
    return sum(count * _BYTES.get(dtype, 1) for dtype, count in info.parameters.items())
