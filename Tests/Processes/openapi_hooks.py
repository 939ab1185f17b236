# SPDX-License-Identifier: Apache-2.0
"""What schemathesis is told of a Martlet server beyond docs/api/openapi.json; openapi.py loads it.

- Requests that would take the run's own server or token away are pointed elsewhere.
- What blocks does so for a moment.
- What no schema can say is put right: a policy's body names the policy of its path, the region is this
  server's, and a whole number is written as one (JSON Schema takes 2.0 for an integer; Go does not).
- Every error text is one that the description knows for that status.
"""
import json
import os
import re

import schemathesis

# The management token that the run presents, and a port of loopback where nobody listens.
OWN_ACCESSOR = os.environ.get("MARTLET_OWN_ACCESSOR")
NOBODY = os.environ.get("MARTLET_NOBODY", "127.0.0.1:9")
# Parameters that may be given several times, and bodies that may be null.
SEVERAL = {"address", "leaving", "failed"}
NULLABLE = {
    "setAutopilotConfiguration", "setSchedulerConfiguration", "aclBootstrap", "evaluateJob", "setJobStability",
    "revertJob", "scaleJob", "pauseDeployment", "promoteDeployment", "setDeploymentHealth", "search", "drainNode",
}
STRANGER = "00000000-0000-4000-8000-000000000000"

# Of a filter, in bytes.
FILTER_MAX = 2048

with open(os.environ["MARTLET_OPENAPI"], encoding="utf-8") as file:
    DESCRIPTION = json.load(file)


def resolved(node):
    while isinstance(node, dict) and "$ref" in node:
        target = DESCRIPTION
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


def operation(case):
    return DESCRIPTION["paths"].get(case.path, {}).get(case.method.lower())


@schemathesis.hook
def before_call(context, case, kwargs):
    described = operation(case)
    if described is None:
        return
    name = described["operationId"].removesuffix("ByPost")
    body = case.body if isinstance(case.body, dict) else {}
    path = case.path_parameters if isinstance(case.path_parameters, dict) else {}
    query = case.query if isinstance(case.query, dict) else {}
    if is_positive(case):
        case.body = whole(case.body)
        body = case.body if isinstance(case.body, dict) else {}
        if "region" in query:
            query["region"] = "global"
    elif any(isinstance(query[key], list) for key in query if key not in SEVERAL):
        # The first counts, whatever the others are: so that it is refused, as a wrong one has to be.
        query["stale"] = "neither"
    if isinstance(query.get("filter"), str) and query["filter"]:
        if len(query["filter"]) > FILTER_MAX:
            # As wrong as before, in a line that is not too long for a request.
            query["filter"] = "x" * (FILTER_MAX + 1)
        else:
            # Filters have a language of their own.
            query["filter"] = "CreateIndex != 0 or ID is not empty" if name != "nodePools" else "Name != x"
    if any(part.get("$ref", "").endswith("/blocking_wait") for part in described["parameters"]):
        shorten(query)
    if case.body is None and name in NULLABLE:
        # Taken for a mistake, whatever the schema says.
        case.body = {} if is_positive(case) else []
    if name == "agentJoin" and query.get("address"):
        # Texts that chance makes are never asked of a resolver.
        given = query["address"]
        query["address"] = [NOBODY] * len(given) if isinstance(given, list) else NOBODY
    if name == "setACLPolicy" and isinstance(body.get("Name"), str):
        path["name"] = re.sub("[^A-Za-z0-9-]", "-", body["Name"])[:128] or "p"
        if is_positive(case):
            body["Name"] = path["name"]
    if name == "putNodePool" and isinstance(body.get("Name"), str):
        path["name"] = re.sub("[^A-Za-z0-9_-]", "-", body["Name"])[:128] or "p"
        if is_positive(case):
            body["Name"] = path["name"]
    if name in ("updateACLToken", "deleteACLToken", "createACLToken") and OWN_ACCESSOR:
        if str(path.get("accessor", "")).lower() == OWN_ACCESSOR:
            path["accessor"] = STRANGER
        for key in list(body):
            if str(body[key]).lower() == OWN_ACCESSOR:
                body[key] = STRANGER
    if name == "updateACLToken" and body and is_positive(case):
        body["AccessorID"] = path.get("accessor")


def shorten(query):
    """Who would wait for minutes waits for a moment; a wait that is refused stays what it is."""
    wait = query.get("wait")
    if query.get("index") and (not wait or isinstance(wait, str) and re.fullmatch(r"[-+]?[0-9.hmsnu\u00b5]+", wait)):
        query["wait"] = "20ms"


def whole(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole(element) for key, element in value.items()}
    return [whole(element) for element in value] if isinstance(value, list) else value


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.check
def error_texts(ctx, response, case):
    """A text is one of those that the description knows for its status."""
    content_type = (response.headers.get("content-type") or [""])[0]
    if not content_type.startswith("text/plain"):
        return
    text = response.content.decode()
    if response.status_code == 405:
        assert text == "Invalid method", text
        return
    described = operation(case)
    if described is None:
        return
    answer = resolved(described["responses"].get(str(response.status_code), {}))
    schema = resolved(answer.get("content", {}).get("text/plain", {}).get("schema", {}))
    if "pattern" in schema:
        assert re.search(schema["pattern"], text), "%d %r is not described" % (response.status_code, text)
