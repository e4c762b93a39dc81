/** What anybody may know of this server. */

import { queryOptions } from "@tanstack/react-query";

import { api } from "./api";

export const configQuery = queryOptions({
  queryKey: ["config"],
  queryFn: api.config,
  staleTime: Infinity,
  retry: false,
});
