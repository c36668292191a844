"""The boot hook: this very script as a command, and a drop-in by which systemd runs it before every start of the agent."""
import os

from files import path, read, remove, write
from service import Systemd, command

PROGRAM = '/usr/local/sbin/ecs-pull-auth'
# `-`: whatever becomes of the command, the agent starts.
DROP_IN = (
    '# Written by ecs-pull-auth: the registry credentials of ecs.config, before the agent reads them.\n'
    '[Service]\nExecStartPre=-%s boot %s %s\n'
)


def drop_in(service):
    return path('/etc/systemd/system/%s.d/50-ecs-pull-auth.conf' % service.unit)


def set_hook(wish, service, arn, mode):
    """A reason code if the wish, `install` or `remove`, cannot be met; else ''."""
    if not isinstance(service, Systemd):
        return 'boot-hook-needs-systemd'
    conf = drop_in(service)
    before = read(conf)
    if wish == 'remove':
        remove(conf)
        remove(path(PROGRAM))
    else:
        script = read(os.environ.get('ECS_PULL_AUTH_SCRIPT', ''))
        if not script:
            return 'boot-hook-no-script'
        if script != read(path(PROGRAM)):
            place(path(PROGRAM), script, 0o700)
        if before != DROP_IN % (PROGRAM, arn, mode):
            place(conf, DROP_IN % (PROGRAM, arn, mode), 0o644)
    if before != read(conf):
        command('systemctl', 'daemon-reload', limit=30)
    return ''


def place(name, text, mode):
    os.makedirs(os.path.dirname(name), mode=0o755, exist_ok=True)
    write(name, text, mode=mode)
    os.chmod(name, mode)  # the umask took something of 0644
    command('restorecon', name, limit=10)
