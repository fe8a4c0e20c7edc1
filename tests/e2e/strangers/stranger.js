// A client in another language that knows nothing but the address: it asks the server what it speaks.
const grpc = require("@grpc/grpc-js");
const { GrpcReflection } = require("grpc-js-reflection-client");
const [address, key, insightAddress, journeyAddress, pricingAddress, ann, bob] = process.argv.slice(2);

// Ask for a price, be refused as one's own judge, and be agreed to by another.
async function priced(credentials, options) {
  const reflection = new GrpcReflection(pricingAddress, credentials);
  const stub = async (name) => {
    const [area, service] = name.split(".");
    const file = await reflection.getDescriptorBySymbol(`footfall.${area}.v1.${service}`);
    const Stub = file.getPackageObject(options).footfall[area].v1[service];
    return new Stub(pricingAddress, credentials);
  };
  const as = (bearer, client, method, request) => {
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${bearer}`);
    return new Promise((resolve, reject) =>
      client[method](request, metadata, (error, answer) => (error ? reject(error) : resolve(answer))));
  };
  const tiers = await stub("pricing.PricingService");
  const approvals = await stub("pricing.ApprovalService");
  const audit = await stub("audit.AuditService");
  const price = { currency_code: "EUR", units: "49" };
  const tier = { tier_id: "js", price, billing_period: "BILLING_PERIOD_MONTH" };
  await as(ann, tiers, "UpsertTier", { tier });
  const proposed_price = { ...price, units: "59" };
  const wish = { tier_id: "js", proposed_price, reason: "more is in it" };
  const asked = (await as(ann, approvals, "RequestApproval", wish)).approval;
  const decision = { approval_id: asked.approval_id, etag: asked.etag, notes: "fine" };
  const refused = await as(ann, approvals, "ApprovePriceChange", decision).catch((error) => {
    const [details] = error.metadata.get("grpc-status-details-bin");
    return [grpc.status[error.code], details.includes("SELF_APPROVAL")];
  });
  const agreed = await as(bob, approvals, "ApprovePriceChange", decision);
  const verified = await as(bob, audit, "VerifyAuditLog", {});
  return { asked, refused, agreed, verified };
}

async function main() {
  const reflection = new GrpcReflection(address, grpc.ChannelCredentials.createInsecure());
  const health = await reflection.getDescriptorBySymbol("grpc.health.v1.Health");
  const Health = health.getPackageObject({ keepCase: true, enums: String }).grpc.health.v1.Health;
  const events = await reflection.getDescriptorBySymbol("footfall.events.v1.EventIngestService");
  const options = { keepCase: true, enums: String, longs: String, defaults: true };
  const Service = events.getPackageObject(options).footfall.events.v1.EventIngestService;
  const credentials = grpc.ChannelCredentials.createInsecure();
  const other = new GrpcReflection(insightAddress, credentials);
  const insights = await other.getDescriptorBySymbol("footfall.insights.v1.InsightService");
  const Insight = insights.getPackageObject(options).footfall.insights.v1.InsightService;
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${key}`);
  const service = new Service(address, credentials);
  const call = (client, method, request) =>
    new Promise((resolve, reject) =>
      client[method](request, metadata, (error, answer) => (error ? reject(error) : resolve(answer))));
  const out = {};
  out.health = await call(new Health(address, credentials), "Check", {});
  out.one = await call(service, "IngestEvent", { event: { type: "login", user_id: "js" } });
  out.batch = await call(service, "IngestEvents", { events: [{ type: "login" }, { type: "nope" }] });
  out.list = await call(service, "ListEvents", { page_size: 10 });
  out.stream = await new Promise((resolve, reject) => {
    const answers = [];
    const stream = service.StreamEvents(metadata);
    stream.on("data", (answer) => answers.push(answer));
    stream.on("error", reject);
    stream.on("end", () => resolve(answers));
    for (const batch_number of [1, 2, 3])
      stream.write({ batch_number, events: [{ type: "login", user_id: "js" }] });
    stream.end();
  });
  const insight = new Insight(insightAddress, credentials);
  out.insights = await call(insight, "GenerateInsights", {});
  out.settings = await call(insight, "GetDetectorSettings", {});
  const third = new GrpcReflection(journeyAddress, credentials);
  const journeys = await third.getDescriptorBySymbol("footfall.journey.v1.JourneyService");
  const Journey = journeys.getPackageObject(options).footfall.journey.v1.JourneyService;
  const journey = new Journey(journeyAddress, credentials);
  const client_id = "js-1";
  await call(journey, "UpsertClient", { client: { client_id, name: "Northwind", ai_score: 0 } });
  // By reflection alone a map is what it is on the wire: entries.
  const invoice = { fields: [{ key: "invoice_id", value: { string_value: "17" } }] };
  const tracked = [];
  for (const event of [
    { event_type: "kick_off", stage: "STAGE_ACTIVE_PROJECT" },
    { event_type: "invoice_overdue", metadata: invoice },
  ])
    tracked.push(await call(journey, "TrackJourneyEvent", { event: { client_id, ...event } }));
  const next = await call(journey, "GetNextBestAction", { client_id });
  const outcome = await call(journey, "RecordActionOutcome", {
    client_id,
    action: next.action.action,
    outcome: "OUTCOME_IGNORED",
    decision_token: next.decision_token,
  });
  const after = await call(journey, "GetNextBestAction", { client_id });
  out.journey = { tracked, next, outcome, after };
  out.price = await priced(credentials, options);
  console.log(JSON.stringify(out));
}
main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
