import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentHost, isHubHost, isPrivateEcr, isRegistryHost, parseImage } from '../../src/core/image.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

test('an image is taken apart as the registry will see it', () => {
  const cases: Readonly<Record<string, readonly [string, string, string]>> = {
    nginx: ['docker.io', 'library/nginx', 'latest'],
    'nginx:1.27': ['docker.io', 'library/nginx', '1.27'],
    'acme/app': ['docker.io', 'acme/app', 'latest'],
    'docker.io/nginx': ['docker.io', 'library/nginx', 'latest'],
    'index.docker.io/acme/app:1': ['docker.io', 'acme/app', '1'],
    'registry-1.docker.io/acme/app': ['registry-1.docker.io', 'acme/app', 'latest'],
    'ghcr.io/acme/app:stable': ['ghcr.io', 'acme/app', 'stable'],
    'localhost/app': ['localhost', 'app', 'latest'],
    'localhost:5000/team/app': ['localhost:5000', 'team/app', 'latest'],
    'UPPER/app': ['UPPER', 'app', 'latest'],
    '[::1]:5000/app': ['[::1]:5000', 'app', 'latest'],
    'quay.io/a/b/c/d__e-f.g:v1': ['quay.io', 'a/b/c/d__e-f.g', 'v1'],
    [`ghcr.io/acme/app@${DIGEST}`]: ['ghcr.io', 'acme/app', DIGEST],
    [`ghcr.io/acme/app:1@${DIGEST}`]: ['ghcr.io', 'acme/app', DIGEST],
  }
  for (const [image, [host, repository, reference]] of Object.entries(cases)) {
    assert.deepEqual(parseImage(image), { host, repository, reference }, image)
  }
})

test('what Docker would refuse is no image', () => {
  const refused = [
    '',
    'ghcr.io/',
    'ghcr.io/Acme/app',
    'ghcr.io//app',
    'ghcr.io/acme/app:',
    'ghcr.io/acme/app:-x',
    'ghcr.io/acme/app@sha256:short',
    `a@${DIGEST}@${DIGEST}`,
    'a..b',
    'a___b',
    'https://ghcr.io/acme/app',
    'ghcr.io/acme/app\n',
    '-bad-.io/app',
    'a'.repeat(64),
    `ghcr.io/${'a'.repeat(300)}`,
    `ghcr.io/acme/app:${'t'.repeat(129)}`,
    'x'.repeat(2000),
  ]
  for (const image of refused) assert.equal(parseImage(image), null, image)
})

test('the agent looks for the part before the first slash, when it looks like a host', () => {
  const cases: Readonly<Record<string, string>> = {
    nginx: 'docker.io',
    'nginx:1': 'docker.io',
    'acme/app': 'docker.io',
    'ghcr.io': 'docker.io',
    'localhost:5000': 'docker.io',
    'localhost/app': 'localhost',
    'registry:5000/app:1': 'registry:5000',
    'ghcr.io/acme/app:1': 'ghcr.io',
    [`ghcr.io/acme/app@${DIGEST}`]: 'ghcr.io',
  }
  for (const [image, host] of Object.entries(cases)) assert.equal(agentHost(image), host, image)
})

test('hosts are told apart: Docker Hub, private ECR, what can be a registry at all', () => {
  assert.ok(['docker.io', 'index.docker.io', 'registry-1.docker.io'].every(isHubHost))
  assert.ok(!isHubHost('registry.hub.docker.com'))
  const ecr = [
    'dkr.ecr.eu-west-1.amazonaws.com',
    'dkr.ecr-fips.us-gov-west-1.amazonaws.com',
    'dkr.ecr.cn-north-1.amazonaws.com.cn',
  ]
  assert.ok(ecr.every((rest) => isPrivateEcr(`123456789012.${rest}`)))
  assert.ok(!isPrivateEcr('public.ecr.aws') && !isPrivateEcr('12.dkr.ecr.eu-west-1.amazonaws.com'))
  assert.ok(['ghcr.io', 'localhost', 'registry:5000', '10.0.0.5'].every(isRegistryHost))
  assert.ok(!['registry', '*.ghcr.io', 'HTTPS:', '', ' ghcr.io', 'user@ghcr.io'].some(isRegistryHost))
})
