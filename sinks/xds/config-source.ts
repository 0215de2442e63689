import { ApiVersion, type ConfigSource } from '../../proto/gen/envoy_core.js';

/** "On this very stream": whatever a resource refers to comes over ADS. */
export const adsSource: ConfigSource = { ads: {}, resourceApiVersion: ApiVersion.V3 };
