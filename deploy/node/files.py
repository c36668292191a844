"""The files of this instance: where they are, and how one is replaced without a moment in which half of it is there."""
import json
import os


def path(name):
    return os.environ.get('ECS_PULL_AUTH_ROOT', '') + name


# Not below /run/lock, where on Debian any local user could hold a lock of that name for ever.
LOCK = path('/run/ecs-pull-auth.lock')
# A symbolic link stays one: its target is replaced.
CONFIG = os.path.realpath(path('/etc/ecs/ecs.config'))
INSTANCE_CONFIG = path('/var/lib/ecs/ecs.config')
AGENT_STATE = path('/var/lib/ecs/data/agent.db')
# Outside /etc/ecs and /var/lib/ecs, which are mounted into the agent's container.
STATE = path('/var/lib/ecs-pull-auth')
STAMP = STATE + '/applied.json'
RECORD = STATE + '/written.json'
BACKUP = STATE + '/last-good.config'
FAILED = STATE + '/rolled-back.json'
TEMPORARY = '.ecs-pull-auth-new'


def read(name):
    """The file's text, or None. surrogateescape keeps bytes that are not UTF-8."""
    try:
        with open(name, 'rb') as file:
            return file.read().decode('utf-8', 'surrogateescape')
    except FileNotFoundError:
        return None


def read_json_file(name):
    try:
        value = json.loads(read(name) or '{}')
        return value if isinstance(value, dict) else {}
    except ValueError:
        return {}


def remove(name):
    try:
        os.unlink(name)
    except FileNotFoundError:
        pass


def write(name, text, before_rename=lambda: None, mode=0o600):
    """Replaces a file so that a reader, or a power cut, finds the old or the new one whole. The owner is kept."""
    temporary = name + TEMPORARY
    remove(temporary)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(file, 'wb') as out:
        out.write(text.encode('utf-8', 'surrogateescape'))
        out.flush()
        keep_owner(name, out.fileno())
        os.fsync(out.fileno())
    before_rename()
    os.rename(temporary, name)
    directory = os.open(os.path.dirname(name), os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def keep_owner(name, file):
    try:
        old = os.stat(name)
    except FileNotFoundError:
        return
    mine = os.fstat(file)
    if (old.st_uid, old.st_gid) != (mine.st_uid, mine.st_gid):
        os.fchown(file, old.st_uid, old.st_gid)
