import type { SeriesPayload } from "../chart/series";

// The answers of the API, as /api/openapi.json describes them.

export interface Health {
  status: "ok" | "empty" | "degraded";
  topic: string;
  rows: number;
  newest_recorded_at: string | null;
  /** Since the newest reading; where readings are of the past (a replay, a simulated time), since it came in. */
  age_s: number | null;
  /** The simulated time of the plants, while it runs faster than real time. */
  clock: { speed: number; simulated_at: string } | null;
  problems: string[];
  next: string;
}

export interface Total {
  key: string;
  label: string;
  co2_kg: number;
  share: number;
  /** The mean over the seconds that readings cover. */
  rate_t_per_h: number;
}

export interface Summary {
  window_s: number | null;
  as_of: string | null;
  records: number;
  co2_kg: number;
  co2_g: number;
  rate_t_per_h: number | null;
  intensity_kg_per_mwh: number | null;
  top_facility: { facility_id: string; facility: string; rate_t_per_h: number } | null;
  over_25kt_per_year: number;
  facilities: number;
  by_sector: Total[];
  by_country: Total[];
  by_fuel: Total[];
  by_facility: Total[];
}

export interface Reading {
  partition: number;
  offset: number;
  recorded_at: string;
  facility_id: string;
  facility: string;
  country: string;
  sector: string;
  fuel: string;
  load_mw: number;
  co2_kg: number;
  quality: string;
}

export interface PartitionStatus {
  partition: number;
  state: "running" | "paused" | "stopped" | "failed";
  reason: string | null;
  waiting: string | null;
  position: number | null;
  end_offset: number | null;
  lag: number | null;
  lag_s: number | null;
  rows: number;
  dead_letters: number;
  rate_per_s: number | null;
}

export interface Pipeline {
  topic: string;
  group_id: string | null;
  state: "running" | "stale" | "absent";
  partitions: PartitionStatus[];
  producers: { name: string }[];
  totals: {
    dead_letters: number;
    lag: number | null;
    lag_s: number | null;
    rate_per_s: number | null;
    acked_per_s: number | null;
  };
  latency: Latency;
}

export type LatencyStage = "created" | "acked" | "polled" | "stored" | "served";

export interface Latency {
  reading: {
    reading_id: string;
    partition: number;
    offset: number;
    stages: { stage: LatencyStage; at: string; after_ms: number }[];
  } | null;
  last_minute: { stage: LatencyStage; p50_ms: number; p99_ms: number }[];
  samples: number;
}

export type StageName = "emitted" | "acked" | "topic" | "csv" | "served";

export interface LedgerStage {
  stage: StageName;
  meaning: string;
  records: number | null;
  co2_g: number | null;
  note: string;
}

export interface Ledger {
  stages: LedgerStage[];
  dead_letters: number;
  state: "agrees" | "on the way" | "unknown" | "unreported" | "phantom" | "altered";
  sentence: string;
}

export interface Choice {
  key: string;
  label: string;
}

export interface Thresholds {
  large_emitter_t_per_year: number;
  large_emitter_t_per_h: number;
  source: string;
}

/** The answer of `/api/dashboard`: a whole page in one request. */
export interface Dashboard {
  served_at: string;
  health: Health;
  /** The last minute, or the last round of readings if plants report more seldom. */
  now: Summary;
  /** The window that the reader chose. */
  window: Summary;
  /** Everything that is stored. */
  all: Summary;
  series: SeriesPayload;
  heat: SeriesPayload | null;
  /** The newest ones, oldest first. */
  readings: Reading[];
  pipeline: Pipeline;
  ledger: Ledger;
  choices: Record<"sector" | "country" | "fuel" | "facility_id", Choice[]>;
  thresholds: Thresholds;
}
