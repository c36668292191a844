/** Every provider that a plan can name, by its kind. */

import type { Provider } from '../core/ports.ts'
import { gitlab } from './gitlab.ts'
import { fixed } from './static.ts'

export const PROVIDERS: ReadonlyMap<string, Provider> = new Map<string, Provider>(
  [fixed, gitlab].map((provider): [string, Provider] => [provider.kind, provider]),
)
