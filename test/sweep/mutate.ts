/** Loaded before the sweep with `--import`: gives it one source with a defect in it. SWEEP_MUTATION names the defect. */

import { globSync, readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MUTATIONS } from './mutations.ts'

const root = join(import.meta.dirname, '../..')
const mutation = MUTATIONS.find(({ name }) => name === process.env['SWEEP_MUTATION'])
if (mutation === undefined) throw new Error(`There is no mutation ${process.env['SWEEP_MUTATION']}.`)
const { find, replace } = mutation
const places = globSync(['src/**/*.ts', 'lambda/*.ts'], { cwd: root }).flatMap((file) => {
  const parts = readFileSync(join(root, file), 'utf8').split(find)
  return parts.slice(1).map(() => ({ url: pathToFileURL(join(root, file)).href, source: parts.join(replace) }))
})
const [place] = places
if (place === undefined || places.length > 1) throw new Error(`${places.length} places have: ${find}`)

registerHooks({
  load: (asked, context, next) =>
    asked === place.url
      ? { format: 'module-typescript', source: place.source, shortCircuit: true }
      : next(asked, context),
})
