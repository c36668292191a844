"""Docker's API on its socket. The docker command would show an environment in its arguments."""
import http.client
import json
import socket

from ecs_config import AUTH_DATA, AUTH_TYPE
from files import path

AGENT = 'ecs-agent'


class DockerSocket(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(path('/var/run/docker.sock'))


def docker(method, target, body=None, limit=15):
    """(status, answer); status 0: there is no Docker, or it does not answer in time."""
    connection = DockerSocket('docker', timeout=max(1, limit))
    try:
        content = json.dumps(body) if body is not None else None
        connection.request(method, target, content, {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text.decode('utf-8')) if text else None
    except (OSError, ValueError, http.client.HTTPException):
        return 0, None
    finally:
        connection.close()


def inspect(name):
    status, container = docker('GET', '/containers/%s/json' % name)
    return container if status == 200 else None


def variables(container):
    return dict(pair.partition('=')[::2] for pair in container['Config'].get('Env') or [])


def auth_of(env):
    return {key: env[key] for key in (AUTH_TYPE, AUTH_DATA) if key in env}


def running_variables():
    """What the agent's container was created with, by ecs-init or by hand; None: cannot be asked."""
    container = inspect(AGENT)
    return variables(container) if container else None


def running_auth():
    env = running_variables()
    return None if env is None else auth_of(env)
