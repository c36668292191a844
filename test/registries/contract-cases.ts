/** Every provider with every way to authenticate that it has. A provider that a plan can name and that is missing here fails a test. */

import type { ContractCase } from './contract.ts'
import { acrCases } from './contract-acr.ts'
import { acrTokenCases } from './contract-acr-token.ts'
import { cloudsmithCases } from './contract-cloudsmith.ts'
import { digitaloceanCases } from './contract-digitalocean.ts'
import { dockerhubCases } from './contract-dockerhub.ts'
import { ecrCases } from './contract-ecr.ts'
import { garCases } from './contract-gar.ts'
import { ghcrCases } from './contract-ghcr.ts'
import { giteaCases } from './contract-gitea.ts'
import { gitlabCases } from './contract-gitlab.ts'
import { harborCases } from './contract-harbor.ts'
import { httpCases } from './contract-http.ts'
import { jfrogCases } from './contract-jfrog.ts'
import { nexusCases } from './contract-nexus.ts'
import { quayCases } from './contract-quay.ts'
import { scalewayCases } from './contract-scaleway.ts'
import { secretsManagerCases } from './contract-secrets-manager.ts'
import { staticCases } from './contract-static.ts'

export const CONTRACT_CASES: readonly ContractCase[] = [
  ...acrCases,
  ...acrTokenCases,
  ...cloudsmithCases,
  ...digitaloceanCases,
  ...dockerhubCases,
  ...ecrCases,
  ...garCases,
  ...ghcrCases,
  ...giteaCases,
  ...gitlabCases,
  ...harborCases,
  ...httpCases,
  ...jfrogCases,
  ...nexusCases,
  ...quayCases,
  ...scalewayCases,
  ...secretsManagerCases,
  ...staticCases,
]
