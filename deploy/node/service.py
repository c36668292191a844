"""The ECS agent as systemd runs it: state, restart; and what tells that an agent is healthy, whoever runs it."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

from docker import running_auth
from fetch import DIRECT


def seconds(name, default):
    return float(os.environ.get('ECS_PULL_AUTH_' + name + '_SECONDS') or default)


RESTART_SECONDS = seconds('RESTART', 90)
HEALTH_SECONDS = seconds('HEALTH', 60)
POLL_SECONDS = seconds('POLL', 1)
# So many polls in a row must find the agent healthy: one that registers and dies is not.
STEADY_POLLS = 3
INTROSPECTION = os.environ.get('ECS_PULL_AUTH_INTROSPECTION') or 'http://127.0.0.1:51678'


def command(*argv, limit):
    """(exit code, output). The child has a group of its own, so that whatever it started ends with it at the limit."""
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        return 127, ''
    try:
        output = child.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output = child.communicate()[0]
    return child.returncode, output.decode('utf-8', 'replace')


class Moment:
    """The agent's service at one moment: active, activating, inactive (stopped on purpose), failed, or, of a container,
    created and never started. `start` changes
    with every start of its main process, whoever started it. `limited`: systemd will not start it so often."""

    def __init__(self, state, start, limited=False):
        self.state, self.start, self.limited = state, start, limited
        self.active = state in ('active', 'reloading')


class FileReader:
    """A service whose process, ecs-init, reads ecs.config anew whenever it starts and makes the agent's container."""

    # ecs-init sets it for the agent, unless a file does.
    default_datadir = '/data'
    reads_files = True

    def tidy(self):
        pass

    def check(self, mode, known):
        pass

    def prepare(self, auth):
        pass

    def refresh(self, auth):
        pass

    def carries(self, auth):
        """Whether the agent's container was made with these variables; also True where Docker cannot be asked."""
        return running_auth() in (None, auth)


class Systemd(FileReader):
    """The unit of every package of Amazon and of SUSE."""

    def __init__(self, unit):
        self.unit = unit

    @staticmethod
    def find():
        for unit in ('ecs.service', 'amazon-ecs.service'):  # SUSE has the second name
            if shutil.which('systemctl') and Systemd(unit).facts().get('LoadState') not in (None, '', 'not-found'):
                return Systemd(unit)
        return None

    def facts(self):
        # One -p each and no --value: Amazon Linux 2 has systemd 219.
        show = ('-p', 'LoadState', '-p', 'ActiveState', '-p', 'Result', '-p', 'ExecMainStartTimestampMonotonic')
        output = command('systemctl', 'show', self.unit, *show, limit=15)[1]
        return dict(line.partition('=')[::2] for line in output.split('\n'))

    def look(self):
        facts = self.facts()
        limited = facts.get('Result', '').startswith('start-limit')  # -hit since systemd 230
        return Moment(facts.get('ActiveState', ''), facts.get('ExecMainStartTimestampMonotonic', ''), limited)

    def restart(self, before, auth):
        """False: it was stopped on purpose a moment ago, and stays so."""
        command('systemctl', 'try-restart', self.unit, limit=RESTART_SECONDS)
        now = self.look()
        return now.state != 'inactive' or now.start != before

    def revive(self, auth):
        """Starts a failed service too, which try-restart skips. One process for both commands: were this script killed
        between them, the next run would find a service that looks as if it had been stopped on purpose."""
        both = 'systemctl reset-failed "$0"; exec systemctl restart "$0"'
        command('/bin/sh', '-c', both, self.unit, limit=RESTART_SECONDS)


class Upstart(FileReader):
    """The job of Amazon Linux 1. It knows no failed state: an agent that ended for good looks stopped."""

    @staticmethod
    def find():
        if shutil.which('initctl') and command('initctl', 'status', 'ecs', limit=15)[0] == 0:
            return Upstart()
        return None

    def look(self):
        # Such as `ecs start/running, process 2811` and `ecs stop/waiting`.
        status = command('initctl', 'status', 'ecs', limit=15)[1]
        found = re.search(r'ecs (\w+)/([\w-]+)(?:, process (\d+))?', status)
        goal, state, process = found.groups() if found else ('', '', '')
        if (goal, state) == ('start', 'running'):
            return Moment('active', process or '')
        return Moment('inactive' if (goal, state) == ('stop', 'waiting') else 'activating', '')

    def restart(self, before, auth):
        # `stop` fails for a job that is stopped, so that one stays so. One process, as above.
        return command('/bin/sh', '-c', 'stop ecs || exit 9; exec start ecs', limit=RESTART_SECONDS)[0] != 9

    def revive(self, auth):
        command('/bin/sh', '-c', 'stop ecs; exec start ecs', limit=RESTART_SECONDS)


def settled(service):
    """The service once it is neither starting nor stopping. A unit that fails stops too, for as long as its ExecStopPost
    takes: taken for one that was stopped on purpose, it would pass for an agent that has the credentials when it starts.
    One that is starting may never get up, as without Docker."""
    deadline = time.monotonic() + RESTART_SECONDS
    while True:
        now = service.look()
        if now.state not in ('activating', 'deactivating') or time.monotonic() > deadline:
            return now
        time.sleep(POLL_SECONDS)


def registration():
    """What the agent tells of itself once it is registered with its cluster, else {}."""
    try:
        with DIRECT.open(INTROSPECTION + '/v1/metadata', timeout=2) as answer:
            metadata = json.loads(answer.read(1 << 16).decode('utf-8'))
        return metadata if metadata.get('ContainerInstanceArn') else {}
    except Exception:
        return {}


def introspect():
    """The agent's version if it is registered, else None."""
    metadata = registration()
    found = re.search(r'v?([0-9][0-9A-Za-z.+-]{0,19})', str(metadata.get('Version', '')))
    return (found.group(1) if found else '-') if metadata else None


def wait_until_healthy(service, start_before, auth=None):
    """The agent's version once it has started anew (or ever, without a start before), has this auth and stays registered,
    or None. A failed unit is not waited for. Just after a start the container of before may still be there and answer."""
    deadline, steady = time.monotonic() + HEALTH_SECONDS, 0
    while True:
        now = service.look()
        agent = introspect() if now.active and now.start != start_before else None
        steady = steady + 1 if agent and (auth is None or service.carries(auth)) else 0
        if steady == STEADY_POLLS:
            return agent
        if now.state in ('failed', 'inactive', 'created') or time.monotonic() > deadline:
            return None
        time.sleep(POLL_SECONDS)
