/** Loaded before the sweep with `--import`: gives it one source with a defect in it. SWEEP_MUTATION names the defect. */

import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { MUTATIONS } from './mutations.ts'

const mutation = MUTATIONS.find(({ name }) => name === process.env['SWEEP_MUTATION'])
if (mutation === undefined) throw new Error(`There is no mutation ${process.env['SWEEP_MUTATION']}.`)
const { file, find, replace } = mutation
const url = new URL(`../../${file}`, import.meta.url)
const parts = readFileSync(url, 'utf8').split(find)
if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places like: ${find}`)

registerHooks({
  load: (asked, context, next) =>
    asked === url.href
      ? { format: 'module-typescript', source: parts.join(replace), shortCircuit: true }
      : next(asked, context),
})
