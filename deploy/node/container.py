"""An ECS agent that was started by `docker run --env-file`: it keeps the environment that it was created with, so new
credentials need a new container. That one is made from what Docker itself says about the old one, and takes its place
only if Docker says the same about it: all but the two auth variables is equal, or nothing is done.
"""
import json
import time

from docker import AGENT, auth_of, docker, inspect, running_auth, variables
from ecs_config import AUTH_DATA, AUTH_TYPE, keeps_state
from service import Moment, RESTART_SECONDS

NEW, OLD = AGENT + '-ecs-pull-auth-new', AGENT + '-ecs-pull-auth-old'


class Unlike(Exception):
    """The agent's container cannot be made anew with certainty. Its text is a reason code."""


def same(container):
    """All that makes a container what it is, without its identity, its state and the two auth variables."""
    config, env = dict(container['Config']), variables(container)
    config['Env'] = sorted(pair for pair in env.items() if pair[0] not in (AUTH_TYPE, AUTH_DATA))
    mounts = sorted(json.dumps(mount, sort_keys=True) for mount in container.get('Mounts') or [])
    facts = ('Image', 'Path', 'Args', 'Driver', 'Platform', 'AppArmorProfile', 'HostConfig')
    networks = sorted((container.get('NetworkSettings') or {}).get('Networks') or {})
    return [config, mounts, networks] + [container.get(name) for name in facts]


class Container:
    default_datadir = ''
    reads_files = False

    @staticmethod
    def find():
        if not (inspect(AGENT) or inspect(OLD)):
            return None
        return Container()

    def look(self):
        state = (inspect(AGENT) or {}).get('State') or {}
        start = str(state.get('StartedAt', ''))
        if state.get('Running') or state.get('Restarting'):
            return Moment('active', start)
        if inspect(OLD):
            return Moment('failed', start)  # a run was cut short
        if state.get('Status') == 'created':
            return Moment('created', start)
        # `docker stop` ends it with 0, or by a signal.
        return Moment('inactive' if state.get('ExitCode') in (None, 0, 137, 143) else 'failed', start)

    def tidy(self):
        """What a run that was killed left half done is undone: until a new container was started, the old one counts."""
        new, old = inspect(AGENT), inspect(OLD)
        if old and (not new or new['State'].get('Status') == 'created'):
            if new:
                self.call('DELETE', AGENT)
            self.call('POST', OLD + '/rename?name=' + AGENT)
            if not old['State'].get('Running'):
                self.call('POST', AGENT + '/start')
        elif old:
            self.call('DELETE', OLD)
        if inspect(NEW):
            self.call('DELETE', NEW)

    def check(self, mode, known):
        """Raises Unlike for a container that a new one could not take the place of, whatever Docker says. `known`: the
        auth of the file now, and of the last good one: one of them must be what it has, or there is no way back."""
        container = inspect(AGENT)
        if not container:
            raise Unlike('container-gone')
        config, host, env = container['Config'], container['HostConfig'], variables(container)
        if container['State'].get('Paused'):
            raise Unlike('container-paused')
        if config.get('AttachStdout') or config.get('AttachStderr'):
            # `docker run` without -d: its process, and whatever waits for it, would take the change for the agent's end.
            raise Unlike('container-in-foreground')
        if host.get('NetworkMode') not in ('host', 'bridge', 'default'):
            raise Unlike('container-network')
        if host.get('AutoRemove'):
            raise Unlike('container-removes-itself')  # so there would be no way back
        if mode != 'auth-only':
            raise Unlike('container-takes-auth-only')
        if auth_of(env) not in known:
            raise Unlike('container-not-from-file')
        datadir = env.get('ECS_DATADIR', '')
        mounted = [mount.get('Destination', '') for mount in container.get('Mounts') or []]
        if not keeps_state(env) or not any(datadir == at or datadir.startswith(at + '/') for at in mounted if at):
            raise Unlike('agent-keeps-no-state')

    def carries(self, auth):
        return running_auth() == auth

    def prepare(self, auth):
        """Makes the new container beside the old one, or raises Unlike and leaves none."""
        old = inspect(AGENT)
        if not old:
            raise Unlike('container-gone')
        env = [pair for pair in old['Config'].get('Env') or [] if pair.partition('=')[0] not in (AUTH_TYPE, AUTH_DATA)]
        body = dict(old['Config'], Env=env + ['%s=%s' % pair for pair in auth.items()], HostConfig=old['HostConfig'])
        if old['HostConfig'].get('UTSMode') == 'host':
            body.pop('Hostname', None)  # Docker refuses both, and sets it
        status, _ = docker('POST', '/containers/create?name=' + NEW, body, 30)
        new = inspect(NEW)
        if status != 201 or not new or same(new) != same(old) or auth_of(variables(new)) != auth:
            self.call('DELETE', NEW)
            raise Unlike('container-not-alike' if status == 201 else 'container-create-http-%d' % status)

    def restart(self, before, auth):
        """False: it was stopped on purpose a moment ago, and stays so."""
        active = self.look().active
        self.swap(auth, active)
        return active

    def refresh(self, auth):
        self.swap(auth, False)

    def revive(self, auth):
        self.swap(auth, True)

    def swap(self, auth, start):
        deadline = time.monotonic() + RESTART_SECONDS
        try:
            if not inspect(NEW):
                self.prepare(auth)
        except Unlike:
            return  # the agent stays as it is, and its health check says so
        self.call('POST', AGENT + '/rename?name=' + OLD)
        self.call('POST', NEW + '/rename?name=' + AGENT)
        self.call('POST', OLD + '/stop?t=10', deadline - time.monotonic())
        if start:
            self.call('POST', AGENT + '/start', deadline - time.monotonic())
        self.call('DELETE', OLD)

    @staticmethod
    def call(method, target, limit=15):
        return docker(method, '/containers/' + target + ('?force=1' if method == 'DELETE' else ''), None, limit)[0]
