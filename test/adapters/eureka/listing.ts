/** An element of `application.instance`, in the shape of a real server's answer. */
export function instanceJson(
  application: string,
  id: string,
  change: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    instanceId: id,
    hostName: `${id}.example.test`,
    app: application,
    ipAddr: '10.0.0.1',
    status: 'UP',
    overriddenStatus: 'UNKNOWN',
    port: { $: 8080, '@enabled': 'true' },
    securePort: { $: 443, '@enabled': 'false' },
    countryId: 1,
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 90, registrationTimestamp: 1_700_000_000_000 },
    metadata: { version: '1.2' },
    homePageUrl: `http://${id}.example.test:8080/`,
    vipAddress: application.toLowerCase(),
    secureVipAddress: application.toLowerCase(),
    isCoordinatingDiscoveryServer: 'false',
    lastUpdatedTimestamp: '1700000000000',
    lastDirtyTimestamp: '1700000000000',
    actionType: 'ADDED',
    ...change,
  };
}

export interface Listing {
  readonly applications: {
    readonly versions__delta: string;
    readonly apps__hashcode: string;
    readonly application: readonly { readonly name: string; readonly instance: readonly unknown[] }[];
  };
}

/**
 * `GET /apps` or `/apps/delta`.
 * @param hash default: that of the instances listed
 * @param version which answer of the server it is
 */
export function listing(
  applications: Readonly<Record<string, readonly Record<string, unknown>[]>>,
  hash?: string,
  version = '1',
): Listing {
  const statuses = Object.values(applications).flatMap((instances) => instances.map((one) => String(one['status'])));
  const counted = [...new Set(statuses)]
    .sort()
    .map((status) => `${status}_${statuses.filter((one) => one === status).length}_`);
  return {
    applications: {
      versions__delta: version,
      apps__hashcode: hash ?? counted.join(''),
      application: Object.entries(applications).map(([name, instance]) => ({ name, instance })),
    },
  };
}
