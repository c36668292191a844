/**
 * Our AWS double against moto: the same requests, the same answers, but where moto is known to lie. A lie that is no
 * longer told fails as well as one that nobody has listed. Cases 14, 15, 18 and 20 of facts/secrets-manager-rotation.md
 * section 12.1 are no requests that both can be asked: running functions, their events, replicas, delay.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMAND_CASES, INSTANCES } from './moto-command-cases.ts'
import { ask, type Case, compare, lie, openDouble, openMoto, type System } from './moto-contract.ts'
import { DOCUMENT_CASES } from './moto-document-cases.ts'
import { LABEL_CASES } from './moto-label-cases.ts'
import { ROTATION_CASES } from './moto-rotation-cases.ts'
import { SECRET_CASES } from './moto-secret-cases.ts'
import { hasMoto, startMoto } from './moto-server.ts'
import { isMissing, programPath } from './software.ts'

const GROUPS = {
  secrets: SECRET_CASES,
  labels: LABEL_CASES,
  rotation: ROTATION_CASES,
  documents: DOCUMENT_CASES,
  commands: COMMAND_CASES,
}

test('moto and the double answer alike, but where moto is known to lie', async (t) => {
  if (isMissing(t, { moto: hasMoto(), setpriv: programPath('setpriv') !== null })) return
  const server = await startMoto(t)
  for (const [group, cases] of Object.entries(GROUPS)) {
    await t.test(group, async (t) => {
      for (const one of cases) {
        await t.test(one.name, async () => {
          const [moto, double] = [await openMoto(server), await openDouble(INSTANCES)]
          try {
            await compare(one, moto, double)
          } finally {
            await moto.close()
            await double.close()
          }
        })
      }
    })
  }
})

test('no case is there twice, and every lie has a source and a reason', () => {
  const cases = Object.values(GROUPS).flat()
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length)
  const lies = cases.flatMap(({ steps }) => steps.flatMap((step) => step.lie ?? []))
  for (const { source, why } of lies) {
    assert.match(source, /^(SSM )?\d|^\[M\]|^\[\?\]|^recorded: /)
    assert.ok(why.length > 10, why)
  }
  assert.ok(lies.length >= 80, `${lies.length} lies`)
})

describe('a comparison', () => {
  const says = (answer: Readonly<Record<string, unknown>>): System => ({
    send: async () => answer,
    keepParameter: async () => undefined,
    settle: async () => undefined,
  })
  const asked = ask('DescribeSecret', { SecretId: 's' })
  const known = lie(asked, { moto: { Name: 'a' }, service: { Name: 'b' }, source: '1', why: 'for this test' })
  const of = (step: Case['steps'][number]): Case => ({ name: 'one', steps: [step] })

  test('passes where both say the same, and where moto tells the listed lie', async () => {
    await compare(of(asked), says({ Name: 'a' }), says({ Name: 'a' }))
    await compare(of(known), says({ Name: 'a', ARN: 'x' }), says({ Name: 'b', ARN: 'x' }))
  })

  test('fails for a difference that nobody has listed', async () => {
    await assert.rejects(compare(of(asked), says({ Name: 'a' }), says({ Name: 'b' })), { code: 'ERR_ASSERTION' })
    await assert.rejects(compare(of(asked), says({}), says({ Name: 'b' })), { code: 'ERR_ASSERTION' })
  })

  test('fails when moto no longer lies, or lies otherwise', async () => {
    for (const Name of ['b', 'c']) {
      await assert.rejects(compare(of(known), says({ Name }), says({ Name: 'b' })), { code: 'ERR_ASSERTION' })
    }
  })

  test('fails when the double tells the lie too, or another one', async () => {
    for (const Name of ['a', 'c']) {
      await assert.rejects(compare(of(known), says({ Name: 'a' }), says({ Name })), { code: 'ERR_ASSERTION' })
    }
  })
})
