/** Every provider with every way to authenticate that it has. A provider that a plan can name and that is missing here fails a test. */

import type { ContractCase } from './contract.ts'
import { gitlabCases } from './contract-gitlab.ts'

export const CONTRACT_CASES: readonly ContractCase[] = [...gitlabCases]
