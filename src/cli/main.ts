/** Entry of `dist/cli.cjs`. */

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { PullAuthError } from '../core/errors.ts'
import { runCli } from './run.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error(signal)))

void runCli({
  env: process.env,
  argv: process.argv.slice(2),
  signal: stop.signal,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  readFile: (path) => {
    try {
      return readFileSync(path === '-' ? 0 : path)
    } catch {
      throw new PullAuthError(
        'FILE_UNREADABLE',
        `${path === '-' ? 'Standard input' : path} cannot be read.`,
        'Check the path and its permissions.',
      )
    }
  },
  writeFile: (path, text) => {
    const temporary = `${path}.ecs-pull-auth-${process.pid}`
    writeFileSync(temporary, text, { mode: 0o600 })
    renameSync(temporary, path)
  },
}).then((code) => {
  process.exitCode = code
})
