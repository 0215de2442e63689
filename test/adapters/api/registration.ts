/** What a Spring Cloud client sends to register. */
export const registration = (overrides: object = {}) => ({
  instance: {
    ...{ instanceId: 'host-1:orders:8080', hostName: 'host-1', app: 'ORDERS', ipAddr: '10.0.0.1', status: 'UP' },
    ...{ overriddenstatus: 'UNKNOWN', vipAddress: 'orders', secureVipAddress: 'orders' },
    port: { $: 8080, '@enabled': 'true' },
    securePort: { $: 443, '@enabled': 'false' },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: 5, durationInSecs: 15 },
    metadata: { zone: 'hz', version: 'v1', 'user.password': 'hunter2' },
    homePageUrl: 'http://host-1:8080/',
    lastDirtyTimestamp: '1000',
    ...overrides,
  },
});
