"""Reads a secret's current version with the instance's own role: IMDSv2, Signature Version 4, standard library only.

ECS Anywhere has no metadata service: there the role's keys are in the file that the SSM agent renews and that the ECS
agent reads too (ecs-init mounts /root/.aws at /rotatingcreds when ECS_EXTERNAL is true).

ECS AMIs have neither the AWS CLI nor jq, but they do have python3. No credential leaves this process: none is in an
argument, an environment variable, a file or a message.
"""
import configparser
import hashlib
import hmac
import json
import os
import re
import time
import urllib.error
import urllib.request

from files import read, path

DNS_SUFFIXES = {
    'aws-cn': 'amazonaws.com.cn',
    'aws-eusc': 'amazonaws.eu',
    'aws-iso': 'c2s.ic.gov',
    'aws-iso-b': 'sc2s.sgov.gov',
    'aws-iso-e': 'cloud.adc-e.uk',
    'aws-iso-f': 'csp.hci.ic.gov',
}
# A retry helps with these only; every other refusal stays a refusal.
THROTTLING = ('ThrottlingException', 'Throttling', 'TooManyRequestsException', 'RequestLimitExceeded')
FETCH_SECONDS = 30


class FetchFailed(Exception):
    """There is no secret to work with. Its text is an HTTP status and an error type, never a response's body."""

    def __init__(self, text, passing=False):
        super().__init__(text)
        self.passing = passing  # whether a later try may fare better


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the session token to another host."""

    def redirect_request(self, *_):
        return None


# The metadata service must never be asked through a proxy: the proxy would learn the role's keys.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
OUTBOUND = urllib.request.build_opener(NoRedirect)


def fetch_secret(arn, pause, profile=None):
    """(version id, text) of AWSCURRENT. `pause` is the unit of the waits between tries, in seconds. `profile`: of ECS
    Anywhere's file of credentials."""
    deadline = time.monotonic() + FETCH_SECONDS
    keys = shared_credentials(profile) if profile else role_credentials(pause, deadline)
    region = arn.split(':')[3]
    partition = arn.split(':')[1]
    endpoint = os.environ.get('AWS_ENDPOINT_URL_SECRETS_MANAGER') or os.environ.get('AWS_ENDPOINT_URL')
    if not endpoint:
        endpoint = 'https://secretsmanager.%s.%s' % (region, DNS_SUFFIXES.get(partition, 'amazonaws.com'))
    # The stage is named: policies that allow AWSCURRENT only can be written with secretsmanager:VersionStage.
    body = json.dumps({'SecretId': arn, 'VersionStage': 'AWSCURRENT'}).encode('ascii')

    def signed():
        return signed_request(endpoint, region, keys, body)

    answer = read_json('secretsmanager', ask('secretsmanager', OUTBOUND, signed, 10, pause, deadline))
    version, text = answer.get('VersionId'), answer.get('SecretString')
    if not isinstance(version, str) or not re.match('[A-Za-z0-9-]{1,64}$', version):
        raise FetchFailed('secretsmanager-answer')
    if not isinstance(text, str):
        raise FetchFailed('secretsmanager-binary')
    return version, text


def shared_credentials(profile):
    """The SSM agent replaces the file before its keys end, so it is read anew for every run."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(read(path('/root/.aws/credentials')) or '')
        found = parser[profile]
        return {
            'AccessKeyId': found['aws_access_key_id'],
            'SecretAccessKey': found['aws_secret_access_key'],
            'Token': found['aws_session_token'],
        }
    except (KeyError, configparser.Error, OSError):  # an error of the parser quotes the line: its text is not told
        raise FetchFailed('anywhere-no-credentials', True)


def role_credentials(pause, deadline):
    base = os.environ.get('AWS_EC2_METADATA_SERVICE_ENDPOINT') or 'http://169.254.169.254'
    base = base.rstrip('/') + '/latest/'

    def imds(path, **headers):
        def request():
            return urllib.request.Request(base + path, headers=headers, method='GET' if token else 'PUT')

        return ask('imds', DIRECT, request, 5, pause, deadline).decode('utf-8', 'replace')

    token = ''
    token = imds('api/token', **{'X-aws-ec2-metadata-token-ttl-seconds': '60'})
    header = {'X-aws-ec2-metadata-token': token}
    roles = imds('meta-data/iam/security-credentials/', **header).split()
    if not roles:
        raise FetchFailed('imds-no-role', True)
    keys = read_json('imds', imds('meta-data/iam/security-credentials/' + roles[0], **header))
    if not all(isinstance(keys.get(name), str) for name in ('AccessKeyId', 'SecretAccessKey', 'Token')):
        raise FetchFailed('imds-no-credentials')
    return keys


def ask(who, opener, make_request, timeout, pause, deadline):
    """The body of an answer 200. No answer, a server error and throttling are tried again, at most twice."""
    for attempt in (1, 2, 3):
        try:
            with opener.open(make_request(), timeout=timeout) as answer:
                return answer.read(1 << 20)
        except urllib.error.HTTPError as error:
            kind = error_type(error)
            failure = '-'.join(filter(None, (who, 'http', str(error.code), kind)))
            again = error.code >= 500 or error.code == 429 or kind in THROTTLING
        except (OSError, ValueError, urllib.error.URLError) as error:
            cause = getattr(error, 'reason', error)
            failure, again = '%s-unreachable-%s' % (who, type(cause).__name__), True
        except Exception as error:  # http.client's own errors are not OSErrors
            failure, again = '%s-unreadable-%s' % (who, type(error).__name__), True
        if not again or attempt == 3 or time.monotonic() > deadline:
            break
        time.sleep(pause * attempt)
    # A new instance may have its role a moment later than its network.
    raise FetchFailed(failure, again or who == 'imds')


def error_type(error):
    """The type's name alone: messages of AWS may quote the request."""
    name = error.headers.get('x-amzn-errortype') or ''
    if not name:
        try:
            name = str(json.loads(error.read(1 << 16).decode('utf-8')).get('__type', ''))
        except Exception:
            return ''
    return re.sub('[^A-Za-z0-9]', '', name.split(':')[0].split('#')[-1])[:40]


def read_json(who, body):
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise FetchFailed(who + '-answer')
    return answer


def signed_request(endpoint, region, keys, body):
    """A GetSecretValue request with Signature Version 4."""
    request = urllib.request.Request(endpoint.rstrip('/') + '/', data=body, method='POST')
    now = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
    headers = {
        'content-type': 'application/x-amz-json-1.1',
        'host': request.host,
        'x-amz-date': now,
        'x-amz-security-token': keys['Token'],
        'x-amz-target': 'secretsmanager.GetSecretValue',
    }
    names = ';'.join(sorted(headers))
    canonical = '\n'.join(
        ['POST', '/', ''] + ['%s:%s' % (name, headers[name]) for name in sorted(headers)]
        + ['', names, hashlib.sha256(body).hexdigest()]
    )
    scope = '%s/%s/secretsmanager/aws4_request' % (now[:8], region)
    to_sign = '\n'.join(['AWS4-HMAC-SHA256', now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ('AWS4' + keys['SecretAccessKey']).encode()
    for part in scope.split('/'):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    for name, value in headers.items():
        request.add_header(name, value)
    request.add_header(
        'authorization',
        'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s'
        % (keys['AccessKeyId'], scope, names, signature),
    )
    return request
