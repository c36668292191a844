"""Reloads the ECS agent with the registry credentials of a Secrets Manager secret, or leaves everything as it was.

The order: lock, fetch, validate, back up, write, restart, wait until the agent is healthy, stamp; else roll back. A run
that is killed anywhere is healed by the next one: the stamp says what was proven healthy, the backup holds the last
good file until then, and the write record tells whether the agent has started since the file was written.

The variables ECS_PULL_AUTH_* and AWS_* that replace an address or a path are for tests. Honouring them as root is safe:
this process inherits the environment of the SSM agent, which only root can set; parameters arrive as SSM_<name> only.
"""
import errno
import fcntl
import json
import os
import random
import re
import shutil
import signal
import sys
import time

from ecs_config import Refused, cluster, digest, environment, keeps_state, merge, read_auth, read_stored, restored
from fetch import FetchFailed, fetch_secret
from files import BACKUP, CONFIG, INSTANCE_CONFIG, LOCK, RECORD, STAMP, STATE, TEMPORARY
from files import read, read_json_file, remove, write
from service import POLL_SECONDS, Service, command, introspect, restart_unit, revive_unit, seconds, wait_until_healthy

EXITS = {
    'applied': 0, 'unchanged': 0, 'written': 0,
    'busy': 10, 'fetch-failed': 11, 'refused': 12, 'rolled-back': 13, 'rollback-failed': 14, 'unsupported': 15,
    'write-failed': 16,
}
BEGAN = time.monotonic()
LOCK_SECONDS = seconds('LOCK', 60)

PATTERNS = {
    'secretArn': r'arn:aws[a-z-]*:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}',
    'versionId': r'any|[A-Za-z0-9-]{32,64}',
    'mode': r'auth-only|replace',
    'jitterSeconds': r'[0-9]|[1-9][0-9]|[1-8][0-9][0-9]|900',
}


class Done(Exception):
    """How the run ends: a word of EXITS, a reason code, and the version of the agent if it is known."""

    def __init__(self, result, reason='', agent='-'):
        super().__init__(result)
        self.result, self.reason, self.agent = result, reason, agent


def find_unit():
    if not shutil.which('systemctl'):
        raise Done('unsupported', 'no-systemd')
    for unit in ('ecs.service', 'amazon-ecs.service'):  # SUSE has the second name
        if Service(unit).exists:
            return unit
    # An agent started by docker run keeps the environment that it was created with.
    raise Done('unsupported', 'no-ecs-service')


def write_config(text, before_rename=lambda: None):
    write(CONFIG, text, before_rename)
    if shutil.which('restorecon'):
        command('restorecon', CONFIG, limit=10)


def lock():
    """Held until the process ends. Children do not inherit it, so none can keep it from the next run."""
    def too_long(*_):
        raise Done('busy', 'lock')

    os.makedirs(os.path.dirname(LOCK), exist_ok=True)
    file = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LOCK_SECONDS)
    fcntl.flock(file, fcntl.LOCK_EX)
    signal.setitimer(signal.ITIMER_REAL, 0)


def parameters():
    """Checked once more: the agent's own check of a pattern is not anchored, and only the API checks the other rules."""
    values = {name: os.environ.get('SSM_' + name, '') for name in PATTERNS}
    for name, pattern in PATTERNS.items():
        if not re.match('(?:' + pattern + r')\Z', values[name]):
            raise Refused('parameter-' + name)
    return values


def boot_id():
    return (read('/proc/sys/kernel/random/boot_id') or '').strip()


class Reload:
    """One run. `version` is what the agent runs as far as it is known; the status line tells it however the run ends."""

    version = '-'

    def run(self):
        given = parameters()
        self.mode = given['mode']
        self.unit = find_unit()
        lock()
        self.look()
        self.guard()
        fetched, stored = fetch_secret(given['secretArn'], POLL_SECONDS)
        self.look()  # once more: the fetch took its time
        wanted = self.wanted(read_stored(stored, self.mode))
        # A late command never brings old credentials back: what is current counts, and the status line says so.
        reason = '' if given['versionId'] in ('any', fetched) else 'other-version'
        stamp = {'secret': given['secretArn'], 'version': fetched, 'mode': self.mode, 'sha256': digest(self.mode, wanted)}
        if wanted == self.current and self.vouched and self.stamp.get('mode') == self.mode and self.backup is None:
            self.keep(stamp, reason)
        self.put(wanted)
        self.bring_up(stamp, reason, int(given['jitterSeconds']))

    def look(self):
        """What is there: the file, what was proven healthy, and the last good file if an earlier run was cut short."""
        os.makedirs(STATE, mode=0o700, exist_ok=True)
        for name in (CONFIG, STAMP, RECORD, BACKUP):
            remove(name + TEMPORARY)
        self.current, self.backup, self.stamp = read(CONFIG), read(BACKUP), read_json_file(STAMP)
        self.vouched = self.vouches(self.current)
        if self.vouched and self.backup is None:
            self.version = str(self.stamp.get('version'))

    def guard(self):
        if not keeps_state(self.environment(self.current)):
            # A restarted agent would not know its tasks any more and register as another instance.
            raise Done('unsupported', 'agent-keeps-no-state')
        if self.backup is None and Service(self.unit).state in ('inactive', 'failed') and introspect():
            # An agent beside the service manager, as after `docker restart ecs-agent`: nothing here could reload it.
            raise Done('unsupported', 'unsupervised-agent')

    def vouches(self, text):
        return self.stamp.get('sha256') == digest(str(self.stamp.get('mode')), text or '')

    def environment(self, text):
        """What the agent is started with: the user's file goes over the instance's own."""
        return dict(environment(read(INSTANCE_CONFIG) or ''), **environment(text or ''))

    def wanted(self, stored):
        auth = read_auth(stored)
        if self.mode == 'auth-only':
            return merge(self.current or '', auth)
        new = self.environment(stored)
        if cluster(new) != cluster(self.environment(self.current)):
            raise Refused('cluster-changed')
        if not keeps_state(new):
            raise Refused('agent-would-keep-no-state')
        return stored

    def keep(self, stamp, reason):
        if stamp != self.stamp:  # another version, or another secret, with the same credentials
            write(STAMP, json.dumps(stamp))
        os.chmod(CONFIG, 0o600)  # in case that somebody opened it since
        self.version = stamp['version']
        service = Service(self.unit)
        if not service.active:
            raise Done('written', 'service-' + service.state)
        raise Done('unchanged', reason, introspect() or '-')

    def put(self, wanted):
        """Writes the file, with the last good one beside it until the new one is proven."""
        if self.backup is None or self.vouched:
            # Else a run was killed: its unproven file must not take the place of the good one.
            write(BACKUP, self.current or '')
        record = read_json_file(RECORD)
        if wanted != self.current:
            os.makedirs(os.path.dirname(CONFIG), mode=0o755, exist_ok=True)
            write_config(wanted, self.untouched)
        elif record.get('sha256') == digest('replace', wanted):
            return
        record = {'sha256': digest('replace', wanted), 'boot': boot_id(), 'start': Service(self.unit).start}
        write(RECORD, json.dumps(record))

    def untouched(self):
        if read(CONFIG) != self.current:  # by user data that appends to it at boot, say: those lines must not be lost
            raise Done('busy', 'file-changed-meanwhile')

    def bring_up(self, stamp, reason, jitter):
        service, record = Service(self.unit), read_json_file(RECORD)
        revive = service.state == 'failed' and self.backup is not None  # an earlier run, cut short, took it down
        if not service.active and not revive:
            self.leave_stopped(stamp, service)
        before = record.get('start') if record.get('boot') == boot_id() else None
        if revive or service.start == before:
            time.sleep(random.uniform(0, jitter))
            before = service.start
            (revive_unit if revive else restart_unit)(self.unit)
            service = Service(self.unit)
            if service.state == 'inactive' and service.start == before:
                self.leave_stopped(stamp, service)
        agent = wait_until_healthy(self.unit, before)
        if agent is None:
            self.roll_back(before)
        self.version = stamp['version']
        write(STAMP, json.dumps(stamp))
        self.forget()
        raise Done('applied', reason, agent)

    def leave_stopped(self, stamp, service):
        """Still starting (a restart would wait for cloud-init, which may wait for us), in a warm pool, or stopped on
        purpose: whenever the agent starts, it reads the file."""
        self.version = stamp['version']
        raise Done('written', 'service-' + service.state)

    def roll_back(self, before):
        """Brings the last good file back, and the agent with it. `before` is the start of the agent that still had it."""
        self.version = '-'
        try:
            backup = read(BACKUP) or ''
            good = restored(read(CONFIG) or '', backup) if self.mode == 'auth-only' else backup
            write_config(good)
        except OSError as error:
            raise Done('rollback-failed', error_name(error))
        service = Service(self.unit)
        if service.active and service.start == before:
            reason, agent = 'not-restarted', introspect() or '-'
        else:
            revive_unit(self.unit)
            reason, agent = 'agent-unhealthy', wait_until_healthy(self.unit, service.start)
        if agent is None:
            raise Done('rollback-failed', reason)
        if self.vouches(good):
            self.version = str(self.stamp.get('version'))
        self.forget()
        raise Done('rolled-back', reason, agent)

    def forget(self):
        remove(RECORD)
        remove(BACKUP)  # last: as long as it is there, the next run takes this one for cut short


# ---- the end of the run

SENTENCES = {
    'busy': 'another run holds the lock, or somebody else changes the file just now; nothing was done.',
    'fetch-failed': 'the secret could not be read; nothing was changed.',
    'refused': 'the stored config or a parameter is not usable; nothing was changed.',
    'rolled-back': 'the agent did not become healthy with the new credentials; the old file is back and the agent runs.',
    'rollback-failed': 'the agent did not become healthy, not with the old file either; look at it.',
    'unsupported': 'this machine has no ECS agent that can be reloaded safely; nothing was changed.',
    'write-failed': 'a file could not be written; the next run takes it up again.',
}


def error_name(error):
    return errno.errorcode.get(error.errno, 'OSError')


def outcome(run):
    try:
        run.run()
    except Done as done:
        return done
    except Refused as refused:
        return Done('refused', str(refused))
    except FetchFailed as failed:
        return Done('fetch-failed', str(failed))
    except OSError as error:
        return Done('write-failed', error_name(error))
    except Exception as error:  # a defect; its text may hold anything, so only its place is told
        place = error.__traceback__
        while place.tb_next:
            place = place.tb_next
        return Done('write-failed', 'defect-%s-line-%d' % (type(error).__name__, place.tb_lineno))
    raise AssertionError('a run ends with Done')


def main():
    if sys.version_info < (3, 7):
        done, run = Done('unsupported', 'python-before-3.7'), Reload
    else:
        run = Reload()
        done = outcome(run)
    line = 'ecs-pull-auth result=%s version=%s agent=%s seconds=%d' % (
        done.result, run.version, done.agent, time.monotonic() - BEGAN
    )
    # SSM lists keep little output of each node: one line below 200 bytes.
    print(line + (' reason=' + done.reason[:198 - len(line) - 8] if done.reason else ''), flush=True)
    if done.result in SENTENCES:
        print('ecs-pull-auth: ' + SENTENCES[done.result], file=sys.stderr, flush=True)
    sys.exit(EXITS[done.result])


if __name__ == '__main__':
    main()
