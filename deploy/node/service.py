"""The ECS agent and its systemd unit: state, restart, health."""
import json
import os
import re
import signal
import subprocess
import time

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


class Service:
    """The unit at one moment. `start` changes with every start of its main process, whoever started it."""

    def __init__(self, unit):
        # One -p each and no --value: Amazon Linux 2 has systemd 219.
        show = ('-p', 'LoadState', '-p', 'ActiveState', '-p', 'ExecMainStartTimestampMonotonic')
        output = command('systemctl', 'show', unit, *show, limit=15)[1]
        facts = dict(line.partition('=')[::2] for line in output.split('\n'))
        self.exists = facts.get('LoadState') not in (None, '', 'not-found')
        self.state = facts.get('ActiveState', '')
        self.active = self.state in ('active', 'reloading')
        self.start = facts.get('ExecMainStartTimestampMonotonic', '')


def restart_unit(unit):
    """Leaves a service alone that was stopped on purpose a moment ago."""
    command('systemctl', 'try-restart', unit, limit=RESTART_SECONDS)


def revive_unit(unit):
    """Starts a failed service too, which try-restart skips. One process for both commands: were this script killed
    between them, the next run would find a service that looks as if it had been stopped on purpose."""
    both = 'systemctl reset-failed "$0"; exec systemctl restart "$0"'
    command('/bin/sh', '-c', both, unit, limit=RESTART_SECONDS)


def introspect():
    """The agent's version if it is registered with its cluster, else None."""
    try:
        with DIRECT.open(INTROSPECTION + '/v1/metadata', timeout=2) as answer:
            metadata = json.loads(answer.read(1 << 16).decode('utf-8'))
        if not metadata.get('ContainerInstanceArn'):
            return None
        found = re.search(r'v?([0-9][0-9A-Za-z.+-]{0,19})', str(metadata.get('Version', '')))
        return found.group(1) if found else '-'
    except Exception:
        return None


def wait_until_healthy(unit, start_before):
    """The agent's version once it has started anew and stays registered, or None. A failed unit is not waited for."""
    deadline, steady = time.monotonic() + HEALTH_SECONDS, 0
    while True:
        service = Service(unit)
        agent = introspect() if service.active and service.start != start_before else None
        steady = steady + 1 if agent else 0
        if steady == STEADY_POLLS:
            return agent
        if service.state in ('failed', 'inactive') or time.monotonic() > deadline:
            return None
        time.sleep(POLL_SECONDS)
