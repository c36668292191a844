/** Writes plan.schema.json, for editors, from the tables that validate plans: `npm run schema`. */

import { writeFileSync } from 'node:fs'
import { planSchema } from './src/core/plan.ts'
import { PROVIDERS } from './src/registries/table.ts'

writeFileSync('plan.schema.json', `${JSON.stringify(planSchema(PROVIDERS), null, 2)}\n`)
