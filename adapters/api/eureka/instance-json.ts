import { defaultWeight, type Health } from '../../../core/plugin/index.js';
import type { RegisteredInstance } from '../model.js';
import { type EurekaInfo, type EurekaStatus, effectiveStatus } from './info.js';

export type EurekaAction = 'ADDED' | 'MODIFIED' | 'DELETED';

const defaultDataCenter = {
  class: 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
  name: 'MyOwn',
  metadata: {},
};
const statusOfHealth: Readonly<Record<Health, EurekaStatus>> = {
  healthy: 'UP',
  unknown: 'UP',
  unhealthy: 'DOWN',
  draining: 'OUT_OF_SERVICE',
};

/** The status as Eureka's clients are told it. */
export function statusOf(instance: RegisteredInstance): EurekaStatus {
  if (instance.expired) return 'DOWN';
  return instance.eureka ? effectiveStatus(instance.eureka) : statusOfHealth[instance.health];
}

/** The VIP addresses by which clients find it. */
export function vipsOf(
  service: string,
  { eureka }: RegisteredInstance,
): { readonly vip: string; readonly svip: string } {
  const name = service.toLowerCase();
  return eureka ? { vip: eureka.vipAddress, svip: eureka.secureVipAddress } : { vip: name, svip: name };
}

/** One `InstanceInfo` as Eureka's servers write it in JSON; what was registered over REST is put in the same terms. */
export function instanceJson(
  service: string,
  instance: RegisteredInstance,
  action: EurekaAction,
  changedMs: number,
): string {
  const info = instance.eureka ?? asEureka(service, instance);
  const { dataCenter, renewalSeconds, durationSeconds, overriddenStatus } = info;
  return JSON.stringify({
    instanceId: instance.id,
    hostName: info.hostName,
    app: service.toUpperCase(),
    ipAddr: info.ipAddr,
    status: statusOf(instance),
    overriddenStatus,
    port: portJson(info.port),
    securePort: portJson(info.securePort),
    countryId: 1,
    dataCenterInfo: {
      '@class': dataCenter.class || defaultDataCenter.class,
      name: dataCenter.name,
      ...(Object.keys(dataCenter.metadata).length > 0 && { metadata: dataCenter.metadata }),
    },
    leaseInfo: {
      renewalIntervalInSecs: renewalSeconds,
      durationInSecs: durationSeconds,
      registrationTimestamp: changedMs,
      lastRenewalTimestamp: changedMs,
      evictionTimestamp: action === 'DELETED' ? changedMs : 0,
      serviceUpTimestamp: changedMs,
    },
    metadata: info.metadata,
    ...info.texts,
    vipAddress: info.vipAddress,
    secureVipAddress: info.secureVipAddress,
    isCoordinatingDiscoveryServer: 'false',
    lastUpdatedTimestamp: String(changedMs),
    lastDirtyTimestamp: String(info.lastDirtyMs || changedMs),
    actionType: action,
  });
}

function asEureka(service: string, instance: RegisteredInstance): EurekaInfo {
  const { address, ports, weight, locality, ttlSeconds = 90 } = instance;
  const plain = Object.keys(ports).find((name) => name !== 'https');
  const vip = service.toLowerCase();
  return {
    hostName: address,
    ipAddr: address,
    status: statusOf(instance),
    overriddenStatus: 'UNKNOWN',
    port: port(plain === undefined ? undefined : ports[plain]),
    securePort: port(ports['https']),
    vipAddress: vip,
    secureVipAddress: vip,
    texts: {},
    dataCenter: defaultDataCenter,
    renewalSeconds: Math.max(1, Math.round(ttlSeconds / 3)),
    durationSeconds: Math.max(1, Math.round(ttlSeconds)),
    metadata: {
      ...(weight !== defaultWeight && { weight: String(weight / defaultWeight) }),
      ...(locality && { region: locality.region, zone: locality.zone }),
      ...instance.metadata,
    },
    lastDirtyMs: 0,
  };
}

function port(number: number | undefined) {
  return { number: number ?? 0, enabled: number !== undefined };
}

function portJson({ number, enabled }: EurekaInfo['port']) {
  return { $: number, '@enabled': String(enabled) };
}
