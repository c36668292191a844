/** The auth map that a merge writes, used by a real client against a real registry. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasControl } from '../../src/core/auth-entry.ts'
import { DATA_KEY, readVariables } from '../../src/core/ecs-config.ts'
import { basicCredential, Secret } from '../../src/core/secret.ts'
import { mergeEntries, type NewEntry, readStoredConfig } from '../../src/core/stored-config.ts'
import { entry, hardPasswords } from './configs.ts'
import { startRealRegistry } from './registry.ts'
import { isMissing, programPath, type Ran } from './software.ts'

const NEEDS = ['skopeo', 'docker-registry', 'htpasswd', 'setpriv']

const needs = () => Object.fromEntries(NEEDS.map((name) => [name, programPath(name) !== null]))

function storedConfig(...entries: readonly NewEntry[]): string {
  const auths = entries.map(({ registry, username, password }) => {
    return [registry, { auth: basicCredential(username, password).reveal() }] as const
  })
  return `ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=${JSON.stringify(Object.fromEntries(auths))}\n`
}

function merge(text: string, ...entries: readonly NewEntry[]): string {
  const options = { format: 'dockercfg', state: null, name: 'prod' } as const
  return mergeEntries(readStoredConfig(new Secret(text), 'prod'), entries, options).text.reveal()
}

function authMap(text: string): string {
  return readVariables(text).get(DATA_KEY) ?? ''
}

function pulled({ status, stderr }: Ran, message: string): void {
  assert.equal(status, 0, `${message}: ${stderr}`)
}

function refused({ status, stderr }: Ran, message: string): void {
  assert.notEqual(status, 0, message)
  assert.match(stderr, /unauthorized|authentication required|invalid username\/password/i, message)
}

test('a fresh credential pulls, a stale, revoked or missing one is refused', async (t) => {
  if (isMissing(t, needs())) return
  const registry = await startRealRegistry(t)
  const image = 'team/app'
  const stale = storedConfig(entry(registry.host, 'stale', 'bot-1'), entry('quay.io', 'kept'))
  const fresh = merge(stale, entry(registry.host, 'fresh', 'bot-2'))
  registry.allow(new Map([['bot-1', 'stale']]))
  pulled(await registry.push(image, authMap(stale)), 'the old credential pushes')
  pulled(await registry.inspect(image, authMap(stale)), 'the old credential pulls')
  refused(await registry.inspect(image, authMap(fresh)), 'a credential that the registry does not know yet')
  registry.allow(
    new Map([
      ['bot-1', 'stale'],
      ['bot-2', 'fresh'],
    ]),
  )
  pulled(await registry.inspect(image, authMap(stale)), 'the old credential while both live')
  pulled(await registry.inspect(image, authMap(fresh)), 'the new credential while both live')
  registry.allow(new Map([['bot-2', 'fresh']]))
  refused(await registry.inspect(image, authMap(stale)), 'the old credential once revoked')
  pulled(await registry.inspect(image, authMap(fresh)), 'the new credential alone')
  refused(await registry.inspect(image, '{}'), 'no credential')
})

test('every hard password that can be written pulls', async (t) => {
  if (isMissing(t, needs())) return
  const registry = await startRealRegistry(t)
  const image = 'team/app'
  // RFC 7617 forbids control characters, and the merge refuses them.
  const passwords = [...hardPasswords()].filter(([, password]) => !hasControl(password))
  assert.ok(passwords.length >= 25)
  registry.allow(new Map([['pusher', 'p'], ...passwords.map(([, password], at) => [`u${at}`, password] as const)]))
  pulled(await registry.push(image, authMap(storedConfig(entry(registry.host, 'p', 'pusher')))), 'push')
  const stored = storedConfig(entry('quay.io', 'kept'), entry(registry.host, 'wrong', 'pusher'))
  refused(await registry.inspect(image, authMap(stored)), 'a wrong password')
  for (const [at, [name, password]] of passwords.entries()) {
    const merged = merge(stored, entry(registry.host, password, `u${at}`))
    pulled(await registry.inspect(image, authMap(merged)), name)
  }
})

test('an entry for one path and the entry for its host each serve their own images', async (t) => {
  if (isMissing(t, needs())) return
  const registry = await startRealRegistry(t)
  registry.allow(new Map([['bot', 'fresh']]))
  const stored = storedConfig(entry(`${registry.host}/elsewhere`, 'unmanaged and wrong'))
  const merged = merge(stored, entry(registry.host, 'fresh'))
  pulled(await registry.push('team/app', authMap(merged)), 'by the entry of the host')
  pulled(await registry.inspect('team/app', authMap(merged)), 'by the entry of the host')
  refused(await registry.inspect('elsewhere/app', authMap(merged)), 'by the unmanaged entry')
  const both = merge(merged, entry(`${registry.host}/elsewhere`, 'fresh'))
  pulled(await registry.push('elsewhere/app', authMap(both)), 'by the entry of the path')
})
