"""Reloads the ECS agent with the registry credentials of a Secrets Manager secret, or leaves everything as it was.

The order: lock, fetch, validate, back up, write, restart, wait until the agent is healthy, stamp; else roll back. A run
that is killed anywhere is healed by the next one: the stamp says what was proven healthy, the backup holds the last
good file until then, and the write record tells whether the agent has started since the file was written.

The variables ECS_PULL_AUTH_* and AWS_* that replace an address or a path are for tests. Honouring them as root is safe:
this process inherits the environment of the SSM agent, which only root can set; parameters arrive as SSM_<name> only.
"""
import contextlib
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

from container import Container, Unlike
from docker import auth_of, running_variables
from ecs_config import GO_SPACE, Refused, cluster, digest, environment, keeps_state, merge, read_auth, read_stored
from ecs_config import restored, switch
from fetch import FetchFailed, fetch_secret
from files import AGENT_STATE, BACKUP, CONFIG, FAILED, INSTANCE_CONFIG, LOCK, RECORD, STAMP, STATE, TEMPORARY
from files import read, read_json_file, remove, write
from hook import set_hook
from service import Moment, POLL_SECONDS, Systemd, Upstart, command, introspect, registration, seconds, settled
from service import wait_until_healthy

EXITS = {
    'applied': 0, 'unchanged': 0, 'written': 0,
    'busy': 10, 'fetch-failed': 11, 'refused': 12, 'rolled-back': 13, 'rollback-failed': 14, 'unsupported': 15,
    'write-failed': 16, 'agent-down': 17,
}
BEGAN = time.monotonic()
LOCK_SECONDS = seconds('LOCK', 60)
# Well below systemd's own limit for a start, 90 s.
BOOT_SECONDS = seconds('BOOT', 45)

PATTERNS = {
    'secretArn': r'arn:aws[a-z-]*:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}',
    'versionId': r'any|[A-Za-z0-9-]{32,64}',
    'mode': r'auth-only|replace',
    'jitterSeconds': r'[0-9]|[1-9][0-9]|[1-8][0-9][0-9]|900',
    'bootHook': r'keep|install|remove',
}


class Done(BaseException):
    """How the run ends: a word of EXITS, a reason code, and the version of the agent if it is known. No Exception, so
    that nobody who catches those takes the end of the time for a passing failure."""

    def __init__(self, result, reason='', agent='-'):
        super().__init__(result)
        self.result, self.reason, self.agent = result, reason, agent


def find_service():
    for way in (Systemd, Upstart, Container):
        service = way.find()
        if service:
            return service
    return None


def write_config(text, before_rename=lambda: None):
    write(CONFIG, text, before_rename)
    if shutil.which('restorecon'):
        command('restorecon', CONFIG, limit=10)


def lock(limit):
    """Held until the process ends. Children do not inherit it, so none can keep it from the next run."""
    os.makedirs(os.path.dirname(LOCK), exist_ok=True)
    file = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not limit:
            raise Done('busy', 'lock')
        with at_most(limit, Done('busy', 'lock')):
            fcntl.flock(file, fcntl.LOCK_EX)


@contextlib.contextmanager
def at_most(limit, end):
    """Raises `end` after so many seconds. There is one clock, so limits do not nest."""
    def too_long(*_):
        raise end

    signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
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
    given = None
    fresh = False  # no agent has ever run here, so none can be in another cluster

    def run(self):
        given = self.given = parameters()
        self.mode = given['mode']
        self.service = find_service()
        if not self.service:
            raise Done('unsupported', 'no-ecs-agent')
        lock(LOCK_SECONDS)
        self.service.tidy()
        self.look()
        self.guard()
        fetched, stored = fetch_secret(given['secretArn'], POLL_SECONDS, self.anywhere())
        self.look()  # once more: the fetch took its time
        wanted = self.wanted(read_stored(stored, self.mode))
        # A late command never brings old credentials back: what is current counts, and the status line says so.
        reason = '' if given['versionId'] in ('any', fetched) else 'other-version'
        stamp = {'secret': given['secretArn'], 'version': fetched, 'mode': self.mode, 'sha256': digest(self.mode, wanted)}
        if self.proven(wanted):
            self.keep(stamp, reason)
        if self.service.reads_files and self.moves(wanted):
            raise Done('unsupported', 'cluster-changed-in-file')
        if not self.service.carries(self.auth(wanted)):
            self.service.prepare(self.auth(wanted))
        self.put(wanted)
        self.bring_up(stamp, reason, int(given['jitterSeconds']))

    def boot(self):
        """Just before the agent starts, so that it starts with what is current. Nothing is restarted, and nothing is
        waited for that could wait for this: the run that restarts the agent holds the lock."""
        given = self.given = parameters()
        self.mode = given['mode']
        lock(0)
        self.service, self.fresh = find_service(), not os.path.exists(AGENT_STATE)
        self.look()
        fetched, stored = self.fetch_at_boot(given['secretArn'])
        self.look()
        wanted = self.wanted(read_stored(stored, self.mode))
        if read_json_file(FAILED).get('sha256') == digest(self.mode, wanted):
            # The document decides when it is tried again; else every start would bring back what it took away.
            raise Done('unchanged', 'rolled-back-before')
        if wanted != self.current:
            self.put(wanted)
        self.version = fetched
        raise Done('written', 'boot')

    def fetch_at_boot(self, arn):
        """The network may come up, and the role be known, only while this waits. alarm() ends it."""
        while True:
            try:
                return fetch_secret(arn, POLL_SECONDS, self.anywhere())
            except FetchFailed as failed:
                if not failed.passing:
                    raise
            time.sleep(POLL_SECONDS)

    def look(self):
        """What is there: the file, what was proven healthy, and the last good file if an earlier run was cut short."""
        os.makedirs(STATE, mode=0o700, exist_ok=True)
        for name in (CONFIG, STAMP, RECORD, BACKUP, FAILED):
            remove(name + TEMPORARY)
        self.current, self.backup, self.stamp = read(CONFIG), read(BACKUP), read_json_file(STAMP)
        self.vouched = self.vouches(self.current)
        if self.vouched and self.backup is None:
            self.version = str(self.stamp.get('version'))

    def guard(self):
        env = dict({'ECS_DATADIR': self.service.default_datadir}, **self.environment(self.current))
        self.service.check(self.mode, [self.auth(self.current), self.auth(self.backup)])
        if self.service.reads_files and not keeps_state(env):
            # A restarted agent would not know its tasks any more and register as another instance.
            raise Done('unsupported', 'agent-keeps-no-state')
        if self.backup is None and self.service.look().state in ('inactive', 'failed', 'created') and introspect():
            # An agent beside the service manager, as after `docker restart ecs-agent`: nothing here could reload it.
            raise Done('unsupported', 'unsupervised-agent')

    def vouches(self, text):
        return self.stamp.get('sha256') == digest(str(self.stamp.get('mode')), text or '')

    def proven(self, wanted):
        same = wanted == self.current and self.vouched and self.stamp.get('mode') == self.mode and self.backup is None
        return same and (self.service.reads_files or self.service.carries(self.auth(wanted)))

    def environment(self, text):
        """What the agent is started with: the user's file goes over the instance's own."""
        return dict(environment(read(INSTANCE_CONFIG) or ''), **environment(text or ''))

    def auth(self, text):
        return auth_of(self.environment(text))

    def anywhere(self):
        """The profile of ECS Anywhere's credentials; None on EC2 (agent/credentials/providers, ecs-init/docker)."""
        env = self.environment(self.current)
        return (env.get('ECS_ALTERNATE_CREDENTIAL_PROFILE') or 'default') if switch(env, 'ECS_EXTERNAL') else None

    def wanted(self, stored):
        auth = read_auth(stored)
        if self.mode == 'auth-only':
            return merge(self.current or '', auth)
        new = self.environment(stored)
        if not self.fresh and cluster(new) != cluster(self.environment(self.current)):
            raise Refused('cluster-changed')
        if not keeps_state(dict({'ECS_DATADIR': '/data'}, **new)):
            raise Refused('agent-would-keep-no-state')
        return stored

    def moves(self, wanted):
        """Whether the agent, started with this file, would be in another cluster than the one that it is in: somebody
        changed the file since its start, and the agent would stop for good."""
        joined, named = registration().get('Cluster'), self.environment(wanted).get('ECS_CLUSTER', '').strip(GO_SPACE)
        if not joined or joined == (named or 'default'):
            return False
        # The agent itself finds a cluster that no file names in ecs.config.json and in user data.
        return bool(named or (running_variables() or {}).get('ECS_CLUSTER'))

    def keep(self, stamp, reason):
        if stamp != self.stamp:  # another version, or another secret, with the same credentials
            write(STAMP, json.dumps(stamp))
        os.chmod(CONFIG, 0o600)  # in case that somebody opened it since
        self.version = stamp['version']
        now = settled(self.service)
        if not now.active:
            raise self.not_running(now)
        agent = introspect() or wait_until_healthy(self.service, None)
        if agent is None:
            raise Done('agent-down', 'agent-not-registered')
        raise Done('unchanged', reason, agent)

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
        now = self.service.look() if self.service else Moment('', '')
        new = {'sha256': digest('replace', wanted), 'boot': boot_id(), 'start': now.start}
        write(RECORD, json.dumps(dict(new, left=record.get('left')) if now.state == 'created' else new))

    def untouched(self):
        if read(CONFIG) != self.current:  # by user data that appends to it at boot, say: those lines must not be lost
            raise Done('busy', 'file-changed-meanwhile')

    def bring_up(self, stamp, reason, jitter):
        now, record, auth = settled(self.service), read_json_file(RECORD), self.auth(read(CONFIG))
        down = now.state == 'failed' or now.state == 'created' and not record.get('left')
        revive = down and self.backup is not None  # an earlier run, cut short, took it down
        if not now.active and not revive:
            self.leave(stamp, now)
        before = record.get('start') if record.get('boot') == boot_id() else None
        # What has started anew since the file was written has read it, if it reads files.
        if revive or now.start == before or not (self.service.reads_files or self.service.carries(auth)):
            time.sleep(random.uniform(0, jitter))
            before = self.service.look().start
            if revive:
                self.service.revive(auth)
            elif not self.service.restart(before, auth):
                self.leave(stamp, self.service.look())
        agent = wait_until_healthy(self.service, before, auth)
        if agent is None:
            now = self.service.look()
            other = now.active and not self.service.carries(auth)
            reason = 'agent-has-other-auth' if other else 'start-limit' if now.limited else 'agent-unhealthy'
            self.roll_back(before, reason)
        self.version = stamp['version']
        write(STAMP, json.dumps(stamp))
        self.forget()
        raise Done('applied', reason, agent)

    def leave(self, stamp, now):
        """An agent that does not run, as it is: its next start has the new credentials."""
        done = self.not_running(now)
        write(RECORD, json.dumps(dict(read_json_file(RECORD), left=done.result)))
        self.service.refresh(self.auth(read(CONFIG)))
        self.version = stamp['version']
        raise done

    def not_running(self, now):
        """Stopped on purpose, in a warm pool, or not yet started, because cloud-init goes first and may wait for us, is as
        it should be; an agent that has failed, or never gets up, is trouble. A container that was never started is what the
        one was whose place it took."""
        fine = now.state == 'inactive'
        if now.state == 'created':
            fine = read_json_file(RECORD).get('left') != 'agent-down'
        return Done('written' if fine else 'agent-down', 'service-' + (now.state or 'unknown'))

    def roll_back(self, before, reason):
        """Brings the last good file back, and the agent with it. `before` is the start of the agent that still had it."""
        self.version = '-'
        try:
            backup, bad = read(BACKUP) or '', read(CONFIG) or ''
            good = restored(bad, backup) if self.mode == 'auth-only' else backup
            write_config(good)
            now = self.service.look()
            restarted = not now.active or now.start != before
            if restarted:
                write(FAILED, json.dumps({'sha256': digest(self.mode, bad)}))
        except OSError as error:
            raise Done('rollback-failed', error_name(error))
        if not restarted:
            reason, agent = 'not-restarted', introspect() or '-'
        else:
            self.service.revive(self.auth(good))
            agent = wait_until_healthy(self.service, now.start)
        if agent is None:
            raise Done('rollback-failed', reason)
        if self.vouches(good):
            self.version = str(self.stamp.get('version'))
        remove(RECORD)
        remove(BACKUP)
        raise Done('rolled-back', reason, agent)

    def forget(self):
        remove(FAILED)
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
    'agent-down': 'no agent is up, by no doing of this run; its next start has the new credentials. Look at it.',
}


def error_name(error):
    return errno.errorcode.get(error.errno, 'OSError')


def outcome(run, at_boot):
    """How the run ends, and what became of the hook. At boot it is set even if the secret cannot be had just now."""
    done, wish = end_of(run, at_boot), os.environ.get('SSM_bootHook')
    if run.given and wish in ('install', 'remove') and (at_boot or EXITS[done.result] == 0):
        try:
            done.reason = set_hook(wish, find_service(), run.given['secretArn'], run.mode) or done.reason
        except OSError as error:
            done.reason = 'boot-hook-' + error_name(error)
    return done


def end_of(run, at_boot):
    try:
        if not at_boot:
            run.run()
        with at_most(BOOT_SECONDS, Done('fetch-failed', 'boot-time-is-up')):
            run.boot()
    except Done as done:
        return done
    except Refused as refused:
        return Done('refused', str(refused))
    except FetchFailed as failed:
        return Done('fetch-failed', str(failed))
    except Unlike as unlike:
        return Done('unsupported', str(unlike))
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
        done = outcome(run, bool(os.environ.get('ECS_PULL_AUTH_BOOT')))
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
