/** Every provider that a plan can name, by its kind. */

import type { Provider } from '../core/ports.ts'
import { acr } from './acr.ts'
import { acrToken } from './acr-token.ts'
import { cloudsmith } from './cloudsmith.ts'
import { digitalocean } from './digitalocean.ts'
import { dockerhub } from './dockerhub.ts'
import { ecr } from './ecr.ts'
import { ecrPublic } from './ecr-public.ts'
import { gar } from './gar.ts'
import { ghcr } from './ghcr.ts'
import { gitea } from './gitea.ts'
import { gitlab } from './gitlab.ts'
import { harbor } from './harbor.ts'
import { http } from './http.ts'
import { jfrog } from './jfrog.ts'
import { jfrogToken } from './jfrog-token.ts'
import { nexus } from './nexus.ts'
import { quay } from './quay.ts'
import { quayRobots } from './quay-robots.ts'
import { scaleway } from './scaleway.ts'
import { secretsManager } from './secrets-manager.ts'
import { fixed } from './static.ts'

export const PROVIDERS: ReadonlyMap<string, Provider> = new Map<string, Provider>(
  [
    fixed,
    gar,
    gitea,
    ghcr,
    gitlab,
    jfrog,
    jfrogToken,
    nexus,
    cloudsmith,
    digitalocean,
    dockerhub,
    ecr,
    ecrPublic,
    harbor,
    acr,
    acrToken,
    quay,
    quayRobots,
    scaleway,
    http,
    secretsManager,
  ].map((provider): [string, Provider] => [provider.kind, provider]),
)
