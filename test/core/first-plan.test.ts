/** The plan that `init` writes: valid for every other command, whatever the names are, and without a credential. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { load } from 'js-yaml'
import { type FirstPlan, firstPlan, manageableKeys, type Wishes } from '../../src/core/first-plan.ts'
import { readPlan } from '../../src/core/plan.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { RUNS } from './configs.ts'

const WISHES: Wishes = {
  secret: 'prod/agent',
  config: null,
  images: ['ghcr.io/acme/app:1'],
  tag: 'prod',
  cluster: null,
}

function planOf({ text }: FirstPlan) {
  return readPlan(load(text), 'the first plan', PROVIDERS)
}

const HOSTS: readonly (readonly [image: string, key: string, better: string | null])[] = [
  ['ghcr.io/acme/app:1', 'ghcr.io', null],
  ['acme/app', 'https://index.docker.io/v1/', null],
  ['registry.gitlab.com/acme/app', 'registry.gitlab.com', 'gitlab'],
  ['acme.jfrog.io/docker/app', 'acme.jfrog.io', 'jfrog'],
  ['quay.io/acme/app', 'quay.io', 'quay'],
  ['acme.azurecr.io/app', 'acme.azurecr.io', 'acr'],
  ['europe-docker.pkg.dev/acme/x/app', 'europe-docker.pkg.dev', 'gar'],
  ['registry.digitalocean.com/acme/app', 'registry.digitalocean.com', 'digitalocean'],
  ['rg.fr-par.scw.cloud/acme/app', 'rg.fr-par.scw.cloud', 'scaleway'],
  ['docker.cloudsmith.io/acme/x/app', 'docker.cloudsmith.io', 'cloudsmith'],
  ['public.ecr.aws/acme/app', 'public.ecr.aws', 'ecr-public'],
  ['localhost:5000/app:1', 'localhost:5000', null],
]

test('the key is the one that the agent looks for, and a provider that could mint is one that there is', () => {
  for (const [image, key, better] of HOSTS) {
    const plan = firstPlan({ ...WISHES, images: [image] })
    assert.deepEqual(
      planOf(plan).registries.map((registry) => registry.key),
      [key],
    )
    assert.equal(plan.registries[0]?.better, better)
    assert.ok(better === null || PROVIDERS.has(better), image)
  }
})

test('whatever tag and cluster are called, the plan says them as they are', () => {
  const names = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).filter((text) => text.trim() !== '')
  fc.assert(
    fc.property(names, names, (tag, cluster) => {
      const { text } = firstPlan({ ...WISHES, tag, cluster })
      const { fleet } = load(text) as { fleet: unknown }
      assert.deepEqual(fleet, { targets: { 'tag:ecs-pull-auth': [tag] }, cluster })
    }),
    RUNS,
  )
})

const PASSWORD = 'of-the-config'
const auth = Buffer.from(`puller:${PASSWORD}`).toString('base64')

test('keys of a config are used as they are spelled, once each, and nothing else of it', () => {
  const keys = ['quay.io/acme', 'https://quay.io/acme/', 'ghcr.io', '111122223333.dkr.ecr.eu-west-1.amazonaws.com']
  const data = JSON.stringify(Object.fromEntries(keys.map((key) => [key, { auth }])))
  const config = `ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=${data}\n`
  assert.deepEqual(manageableKeys(config), ['quay.io/acme', 'ghcr.io'])
  const plan = firstPlan({ ...WISHES, config, images: ['quay.io/acme/app:1'] })
  // Of two spellings the agent takes the longer one.
  assert.deepEqual([plan.registries[0]?.key, plan.left], ['https://quay.io/acme/', ['ghcr.io']])
  assert.ok(!plan.text.includes(PASSWORD) && !plan.text.includes(auth))
})
