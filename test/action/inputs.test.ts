/** What the Action's single inputs become as a plan. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRequest } from '../../src/action/inputs.ts'

const INPUTS = {
  plan: '',
  secret: 'agent',
  username: 'puller',
  password: 'any',
  targets: '',
  'on-cancel': '',
  mode: '',
}

for (const [registry, probe, kind] of [
  ['ghcr.io', 'ghcr.io/acme/app:stable', 'ghcr'],
  ['https://ghcr.io', 'ghcr.io/acme/app:stable', 'ghcr'],
  ['https://index.docker.io/v1/', 'acme/app:stable', 'static'],
  ['registry.acme.test', 'registry.acme.test/app:stable', 'static'],
] as const) {
  test(`a credential from the inputs for ${registry} is read by provider ${kind}`, () => {
    const { plan, given } = readRequest({ ...INPUTS, registry, probe }, () => assert.fail('there is no file'))
    const [entry = assert.fail('the plan has no registry')] = plan.registries
    assert.equal(entry.provider.kind, kind)
    assert.ok(given.has((entry.config as { credential: string }).credential))
  })
}
