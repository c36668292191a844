"""The text of ecs.config as ecs-init reads it, and its registry auth as the ECS agent parses it.

Rules: amazon-ecs-agent 1.105.1, ecs-init/docker/docker.go getEnvVars and agent/dockerclient/dockerauth/dockerauth.go.
Text is decoded with surrogateescape, so that every byte of the instance's own file survives.
"""
import base64
import hashlib
import json
import re

AUTH_TYPE = 'ECS_ENGINE_AUTH_TYPE'
AUTH_DATA = 'ECS_ENGINE_AUTH_DATA'
# What Go's strings.TrimSpace cuts; Python's strip() cuts four control characters more.
GO_SPACE = '\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000' + ''.join(map(chr, range(0x2000, 0x200b)))
# What a secret holds at most; so no line is longer than what docker --env-file and exec take.
MAX_BYTES = 65536


class Refused(Exception):
    """The stored config must not be applied. Its text is a reason code and never part of the config."""


def assignment(line):
    """(key, value) of one line, or (None, None): cut at the first `=`, nothing unquoted, the key not trimmed."""
    key, equals, value = line.strip(GO_SPACE).partition('=')
    return (key, value) if equals else (None, None)


def environment(text):
    """What ecs-init hands to the agent; a later line wins, also an empty one."""
    return {key: value for key, value in map(assignment, text.split('\n')) if key is not None}


def merge(text, auth):
    """The text with the lines of `auth` in place of its own; every other byte stays, duplicates go."""
    lines, missing = [], dict(auth)
    for line in text.split('\n'):
        key = assignment(line)[0]
        if key not in auth:
            lines.append(line)
        elif key in missing:
            lines.append(key + '=' + missing.pop(key) + ('\r' if line.endswith('\r') else ''))
    if missing:
        end = '\r' if text.split('\n')[0].endswith('\r') else ''
        if lines[-1] != '':  # the last line had no line end
            lines[-1] += '' if lines[-1].endswith('\r') else end
            lines.append('')
        lines[-1:] = [key + '=' + value + end for key, value in missing.items()] + ['']
    return '\n'.join(lines)


def without_auth(text):
    return '\n'.join(line for line in text.split('\n') if assignment(line)[0] not in (AUTH_TYPE, AUTH_DATA))


def restored(current, backup):
    """`current` with the auth lines of `backup`; the backup itself, to the byte, when nothing else differs."""
    if without_auth(current).rstrip('\r\n') == without_auth(backup).rstrip('\r\n'):
        return backup
    env = environment(backup)
    return merge(without_auth(current), {key: env[key] for key in (AUTH_TYPE, AUTH_DATA) if key in env})


def digest(mode, text):
    """Identifies what was applied without holding it."""
    env = environment(text)
    applied = text if mode == 'replace' else '%s\n%s' % (env.get(AUTH_TYPE), env.get(AUTH_DATA))
    return hashlib.sha256((mode + '\n' + applied).encode('utf-8', 'surrogateescape')).hexdigest()


def read_stored(text, mode):
    """The stored config as lines: it is ecs.config text, or the key/value JSON of the Secrets Manager console."""
    if '\0' in text:
        raise Refused('nul')
    try:
        size = len(text.encode('utf-8'))
    except UnicodeEncodeError:
        raise Refused('not-utf8')
    if size > MAX_BYTES:
        raise Refused('too-large')
    if not text.lstrip(GO_SPACE).startswith('{'):
        return text
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused('stored-json')
    lines = []
    for key, value in pairs.items():
        if isinstance(value, str) and '=' not in key and not re.search('[\n\0]', key + value):
            lines.append(key + '=' + value + '\n')
        elif mode == 'replace' or key in (AUTH_TYPE, AUTH_DATA):
            raise Refused('stored-json-value')
    return ''.join(lines)


def read_auth(text):
    """The two auth lines, provided that the agent would get at least one registry's credential out of them."""
    env = environment(text)
    kind, data = env.get(AUTH_TYPE, '').strip(GO_SPACE), env.get(AUTH_DATA, '').strip(GO_SPACE)
    if kind not in ('docker', 'dockercfg'):
        raise Refused('auth-type')
    if not data:
        raise Refused('auth-data-missing')
    if '\r' in data:
        raise Refused('auth-data-line')
    if not any([usable(kind, entry) for entry in entries(kind, data)]):
        raise Refused('auth-data-empty')
    return {AUTH_TYPE: kind, AUTH_DATA: data}


class Pairs(list):
    """A JSON object with its duplicates, in order."""


def constant(name):
    raise ValueError(name)  # NaN and Infinity, which Go refuses


def entries(kind, data):
    """One dict of strings per registry, by the rules of Go's encoding/json: one wrong type anywhere loses them all."""
    try:
        top = json.loads(data, object_pairs_hook=Pairs, parse_constant=constant)
    except (ValueError, RecursionError):
        raise Refused('auth-data-json')
    if not isinstance(top, Pairs):
        raise Refused('auth-data-json')
    if any(name == 'auths' and isinstance(value, Pairs) for name, value in top):
        raise Refused('auth-data-auths-wrapper')
    known = ('auth',)
    if kind == 'docker':
        known += ('username', 'password', 'email', 'serveraddress', 'identitytoken', 'registrytoken')
    last = {name: strings(value, known) for name, value in top}
    return last.values()


def strings(value, known):
    """The known fields of one entry. Names match in any case, the last one wins, null leaves what was there."""
    if value is None:
        return {}
    if not isinstance(value, Pairs):
        raise Refused('auth-data-field')
    fields = {}
    for name, field in value:
        if name.casefold() not in known or field is None:
            continue
        if not isinstance(field, str):
            raise Refused('auth-data-field')
        fields[name.casefold()] = field
    return fields


def usable(kind, entry):
    """dockercfg: base64 of `user:password`. docker: passed on as it is, and the Docker daemon does not read `auth`."""
    if kind == 'docker':
        return any(entry.get(name) for name in ('username', 'identitytoken', 'registrytoken'))
    packed = re.sub('[\r\n]', '', entry.get('auth', ''))
    # Stricter than Python's own validation, which takes surplus padding.
    standard = len(packed) % 4 == 0 and re.match(r'[A-Za-z0-9+/]*={0,2}\Z', packed)
    return bool(standard) and b':' in base64.b64decode(packed)


def cluster(env):
    """The cluster that the agent joins; a changed one stops it for good (agent/app/agent.go, exit code 5)."""
    return env.get('ECS_CLUSTER', '').strip(GO_SPACE) or 'default'


def switch(env, name):
    """What Go's strconv.ParseBool makes of a variable; None: it is no boolean."""
    value = env.get(name, '').strip(GO_SPACE)
    if value in ('1', 't', 'T', 'TRUE', 'true', 'True'):
        return True
    return False if value in ('0', 'f', 'F', 'FALSE', 'false', 'False') else None


def keeps_state(env):
    """Whether a restarted agent finds its tasks again (agent/config/parse.go parseCheckpoint)."""
    checkpoint = switch(env, 'ECS_CHECKPOINT')
    return env.get('ECS_DATADIR', '') != '' if checkpoint is None else checkpoint
