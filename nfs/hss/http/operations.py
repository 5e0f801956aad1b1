"""The operations of the HTTP interface as data: the routes are made of it, and so is the description (OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from nfs.common.cards import KeysRow
from nfs.hss.groups.form import GroupRow
from nfs.hss.http.matters import BindingRow, ImsiGroupRow, OrderRow
from nfs.hss.http.operation import FILE, FURTHER, Operation
from nfs.hss.http.requests import FILES, MOST
from nfs.hss.http.shapes import SHAPES
from nfs.hss.monitoring.access import Row
from nfs.hss.provisioning import SubscriberRow

_ONE: Final = "/v1/subscribers/{imsi}"
_GROUP: Final = "/v1/groups/{name}"
OPERATIONS: Final = (
    Operation(name="describe", method="GET", path="/v1/openapi.json", summary="This description"),
    Operation(
        name="subscribers", method="GET", path="/v1/subscribers", gives="Subscribers",
        summary="Subscribers in order of their IMSI, a page at a time; or the one with an MSISDN or an identifier",
        asked=("after", "limit", "msisdn", "external_id"),
    ),
    Operation(
        name="subscriber", method="GET", path=_ONE, summary="One subscriber", gives="Subscriber", tag=True
    ),
    Operation(
        name="put_subscriber", method="PUT", path=_ONE, takes="Subscriber", gives="Subscriber", codes=(200, 201),
        summary="Make a subscriber, or have it be this one; keys stay where the body has none", tag=True, guarded=True,
    ),
    Operation(
        name="remove_subscriber", method="DELETE", path=_ONE, codes=(204,), guarded=True,
        summary="Remove a subscriber with all that belongs to it",
    ),
    Operation(
        name="external_ids", method="GET", path=f"{_ONE}/external-ids", gives="ExternalIds", tag=True,
        summary="Its External Identifiers, the default one first",
    ),
    Operation(
        name="put_external_ids", method="PUT", path=f"{_ONE}/external-ids", takes="ExternalIds", gives="ExternalIds",
        summary="Have its External Identifiers be these", tag=True, guarded=True,
    ),
    Operation(
        name="rights", method="GET", path=f"{_ONE}/rights", gives="Rights", tag=True,
        summary="Which SCSs may ask for it, and for what",
    ),
    Operation(
        name="put_rights", method="PUT", path=f"{_ONE}/rights", takes="Rights", gives="Rights", tag=True, guarded=True,
        summary="Have these SCSs and no others have rights",
    ),
    Operation(
        name="put_keys", method="PUT", path=f"{_ONE}/keys", takes="Keys", codes=(204,),
        summary="Give it keys in the place of those it has; nothing ever shows them",
    ),
    Operation(
        name="groups", method="GET", path="/v1/groups", gives="Groups", asked=("after", "limit"),
        summary="Groups in order of their names, a page at a time",
    ),
    Operation(name="group", method="GET", path=_GROUP, summary="One group", gives="Group", tag=True),
    Operation(
        name="put_group", method="PUT", path=_GROUP, takes="Group", gives="Group", codes=(200, 201), tag=True,
        summary="Make a group, or have it be this one", guarded=True,
    ),
    Operation(
        name="remove_group", method="DELETE", path=_GROUP, codes=(204,), guarded=True,
        summary="Remove a group; its members stay subscribers",
    ),
    *FURTHER,
)  # fmt: skip
_IN_QUERY: Final[Mapping[str, Any]] = {
    "after": {"type": "string", "description": "`next` of the page before"},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 100},
    "msisdn": {"type": "string", "description": "that of the one subscriber to be found"},
    "external_id": {"type": "string", "description": "one of the one subscriber to be found"},
    "identity": {"type": "string", "description": "IMSI, MSISDN, External Identifier, or the name of a group"},
    "replace": {
        "enum": ["true", "false"],
        "default": "false",
        "description": "in the place of groups of the same name",
    },
}
_IN_PATH: Final[Mapping[str, Any]] = {
    "imsi": {"type": "string", "pattern": "^[0-9]{6,15}$"},
    "name": {"type": "string", "description": "External Group Identifier"},
    "number": {"type": "string", "pattern": "^[0-9]{1,9}$", "description": "the id that was answered"},
}
_WORDS: Final[Mapping[int, str]] = {
    200: "as it is now", 201: "made", 202: "begun", 204: "done", 400: "not JSON, or a query that is none",
    401: "no token", 403: "a certificate that may not", 404: "there is none",
    409: "an identity is somebody else's, no seal for keys, or another import is under way",
    412: "somebody else has changed it", 413: "a body too large", 415: "not the content type of a file",
    422: "a field that is wrong; `errors` has which", 428: "If-Match is needed", 503: "the database",
}  # fmt: skip
_FIELD: Final = {
    "type": "object", "required": ["field", "detail"],
    "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
}  # fmt: skip
_PROBLEM: Final = {
    "type": "object", "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "errors": {"type": "array", "items": _FIELD},
    },
}  # fmt: skip


@cache
def description() -> dict[str, Any]:
    """The whole interface as an OpenAPI document, made once: change nothing in it."""
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _described(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Provisioning of the HSS", "version": "1", "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    }


def _described(each: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": each.name, "summary": each.summary}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in _IN_PATH.items()
        if f"{{{name}}}" in each.path
    ]
    parameters += [{"name": name, "in": "query", "schema": _IN_QUERY[name]} for name in each.asked]
    if each.guarded:
        told = "ETag of what the client has seen; needed where there is something, * for whatever it is"
        parameters.append({"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": told})
        told = "* to make it only where there is none"
        parameters.append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "description": told})
    if parameters:
        found["parameters"] = parameters
    if each.takes:
        kinds = FILES if each.takes == FILE else ("application/json",)
        content = {kind: one for name in kinds for kind, one in _body(name, each.takes).items()}
        found["requestBody"] = {"required": True, "content": content}
    found["responses"] = {str(code): _answer(each, code) for code in (*each.codes, *_refusals(each))}
    return found


def _refusals(each: Operation) -> list[int]:
    codes = [401, 403, 503]
    codes += [400] if each.asked or each.takes else []
    codes += [404] if "{" in each.path or each.may_lack or "identity" in each.asked else []
    codes += [409, 413, 422] if each.takes else []
    codes += [415] if each.takes == FILE else []
    codes += [412, 428] if each.guarded else []
    return sorted(codes)


def _answer(each: Operation, code: int) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _WORDS[code]}
    if code >= 400:
        found["content"] = _body("application/problem+json", "Problem")
    elif code != 204:
        found["content"] = _body("application/json", each.gives) if each.gives else {"application/json": {}}
        if each.tag:
            found["headers"] = {"ETag": {"schema": {"type": "string"}}}
    return found


def _body(kind: str, schema: str) -> dict[str, Any]:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _schemas() -> dict[str, Any]:
    """The bodies, from the models that read them."""
    models: dict[str, type[BaseModel]] = {
        "Subscriber": SubscriberRow, "Keys": KeysRow, "Group": GroupRow, "Access": Row, "Order": OrderRow,
        "Terminal": BindingRow, "ImsiGroup": ImsiGroupRow,
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, model in models.items():
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[name] = schema
    del found["Subscriber"]["required"]  # the IMSI is in the path
    found["Subscriber"]["properties"]["keys"] |= {"writeOnly": True}
    for name in ("Keys", "KeysRow"):
        for key in ("k", "op", "opc", "top", "topc"):
            found[name]["properties"][key]["writeOnly"] = True
    found["ExternalIds"] = _of("external_ids", "ExternalIdRow")
    found["Rights"] = _of("rights", "RightRow")
    found["Subscribers"] = _page("subscribers", "Subscriber")
    found["Groups"] = _page("groups", "Group")
    return {**found, **SHAPES, "Problem": _PROBLEM}


def _of(key: str, schema: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}}
    return {"type": "object", "required": [key], "properties": {key: items}, "additionalProperties": False}


def _page(key: str, schema: str) -> dict[str, Any]:
    found = _of(key, schema)
    found["required"] = ["schema", key, "next"]
    found["properties"] |= {"schema": {"const": 1}, "next": {"type": ["string", "null"]}}
    return found
