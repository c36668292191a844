/** How a command's end becomes an exit code and a text, also when it is a defect of ours. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CliCommand, Terminal } from '../../src/cli/command.ts'
import { runCli } from '../../src/cli/run.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import { Secret } from '../../src/core/secret.ts'

const never = () => {
  throw new Error('not here')
}

async function run(command: CliCommand['run'], ...argv: readonly string[]) {
  const said = { out: '', err: '' }
  const terminal: Terminal = {
    env: {},
    argv: ['act', ...argv],
    stopSignal: never,
    out: (text) => {
      said.out += text
    },
    err: (text) => {
      said.err += text
    },
    colour: (_, text) => text,
    live: false,
    confirm: null,
    ask: null,
    exists: never,
    createFile: never,
    readFile: never,
    writeFile: never,
  }
  const act: CliCommand = { summary: '', usage: '', options: {}, least: 0, most: 0, run: command }
  return { exit: await runCli(terminal, new Map([['act', act]])), ...said }
}

const CREDENTIAL = 'glpat-of-somebody'

test('a defect is INTERNAL, and shows nothing of what a foreign error says', async () => {
  const broken = async () => {
    throw new TypeError(`cannot read ${CREDENTIAL}\n    at somebody`)
  }
  const plain = await run(broken)
  assert.deepEqual([plain.exit, plain.out], [1, ''])
  assert.match(
    plain.err,
    /^error INTERNAL: Unexpected TypeError inside ecs-pull-auth\.\n {2}Open an issue with the stack: .*--verbose/,
  )
  const verbose = await run(broken, '--verbose', '--json')
  assert.match(verbose.err, /\n {4}at .*run\.test\.ts/)
  assert.doesNotMatch(plain.err + verbose.err, /at somebody/)
  assert.equal(JSON.parse(verbose.out).error.code, 'INTERNAL')
  assert.doesNotMatch(plain.err + verbose.err + verbose.out, /glpat/)
})

test('a credential that was masked is taken out of results, progress and errors', async () => {
  const told = await run(
    async ({ journal }) => {
      journal.mask(new Secret(CREDENTIAL))
      journal.info('minted', { token: CREDENTIAL })
      throw new PullAuthError('MINT_REJECTED', `The token ${CREDENTIAL} is dead.`, CREDENTIAL)
    },
    '--verbose',
    '--json',
  )
  assert.equal(told.exit, 1)
  assert.doesNotMatch(told.out + told.err, /glpat/)
  const result = await run(async ({ journal }) => {
    journal.mask(new Secret(CREDENTIAL))
    return { exit: 0, json: { CREDENTIAL }, text: CREDENTIAL }
  })
  assert.deepEqual([result.exit, result.out], [0, '***\n'])
})

test('bad usage is exit code 2, for the command and for what it finds out later', async () => {
  const fine = async () => ({ exit: 0, json: {}, text: '' }) as const
  assert.equal((await run(fine, '--unknown')).exit, 2)
  assert.equal((await run(fine, 'too', 'many')).exit, 2)
  const late = async () => {
    throw new PullAuthError('USAGE', 'no', 'no')
  }
  assert.equal((await run(late)).exit, 2)
})
